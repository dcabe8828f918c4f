import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { execute } from "./execute.ts";
import { startCrucible } from "./start-crucible.ts";
import type { OwnCrucible } from "./start-crucible.ts";

let server: OwnCrucible;
beforeAll(async () => {
  server = await startCrucible();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const environment = () => ({ CRUCIBLE_URL: server.url, CRUCIBLE_API_KEY: server.apiKey });
const example = (name: string) => join(import.meta.dirname, name);

describe("each example does what it says", () => {
  test("curl.sh runs a program and follows another", async () => {
    const { code, stdout, stderr } = await execute(["sh", example("curl.sh")], { env: environment() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain('"stdout":"42\\n"');
    expect(stdout).toMatch(/event: run\.queued[\s\S]*event: run\.started[\s\S]*event: run\.finished/);
    const output = [...stdout.matchAll(/"type":"run\.output".*?"data":"([^"]*)"/g)].map(([, data = ""]) => data);
    expect(output.map((data) => Buffer.from(data, "base64").toString()).join("")).toBe("step 1\nstep 2\nstep 3\n");
  });

  test("curl.sh keeps the key out of the process list, and says what is wrong with it", async () => {
    const { code, stdout } = await execute(["sh", example("curl.sh")], {
      env: { ...environment(), CRUCIBLE_API_KEY: "crucible_wrong" },
    });
    expect(code).not.toBe(0);
    expect(stdout).toContain('"unauthorized"');
  });

  test("client.ts shows the output while the program runs, and how it ended", async () => {
    const { code, stdout, stderr } = await execute([process.execPath, example("client.ts")], { env: environment() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^run_\w{26} is (queued|running)\n/);
    expect(stdout).toContain("ONE\nTWO\nTHREE\n");
    expect(stdout).toMatch(/exited with 7 in a \w+ sandbox \(\w+\)\n$/);
  });

  test("client.ts says in one line that the key is wrong", async () => {
    const { code, stderr } = await execute([process.execPath, example("client.ts")], {
      env: { ...environment(), CRUCIBLE_API_KEY: "crucible_wrong" },
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^unauthorized: .+\n$/);
  });

  test("piston.ts gets the runtimes and a result", async () => {
    const { code, stdout, stderr } = await execute([process.execPath, example("piston.ts")], { env: environment() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^(.+ \d[\d.]*, )*javascript \d/m);
    expect(stdout).toContain("got a line (exit code 0)\n");
  });
});
