import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { crucible } from "./crucible.ts";

const MAIN = join(import.meta.dirname, "..", "src", "main.ts");

describe("crucible exec", () => {
  test("passes input, arguments, output and exit code through", async () => {
    const script = 'cat; printf "%s|" "$@" >&2; exit 42';
    const ended = await crucible(["exec", "--env", "A=1", "--", "sh", "-c", script, "sh", "--json", "a b", ""], {
      stdin: "input",
    });
    expect(ended).toMatchObject({ code: 42, stdout: "input", stderr: "--json|a b||" });
  });

  test("has the exit codes of `run` for what ends a program", async () => {
    expect(await crucible(["exec", "--timeout", "300", "--", "sleep", "60"])).toMatchObject({
      code: 124,
      stderr: "crucible: timed out\n",
    });
    expect((await crucible(["exec", "--", "sh", "-c", "kill -TERM $$"])).code).toBe(143);
    const bait = ["--", "sh", "-c", "echo $AWS_SECRET_ACCESS_KEY"];
    const told = "crucible: behaviour score 60 of 100: canary in output\n";
    expect(await crucible(["exec", ...bait])).toMatchObject({ code: 0, stderr: told });
    expect(JSON.parse((await crucible(["exec", "--json", ...bait])).stdout)).toMatchObject({
      violations: [{ kind: "canary_in_output" }],
      behaviourScore: 60,
    });
    const missing = await crucible(["exec", "--", "no-such-program"]);
    expect(missing).toMatchObject({ code: 125, stdout: "" });
    expect(missing.stderr).toContain("no-such-program: not found");
  });

  test("says as JSON what happened", async () => {
    const ended = await crucible(["exec", "--json", "--limit", "stdoutBytes=3", "--", "echo", "abcdef"]);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: "output_exceeded", stdout: "abc", stdoutTruncated: true });
  });

  test("refuses a level that is not here, and a network that is not allowed", async () => {
    expect((await crucible(["exec", "--at-least", "microvm", "--", "true"])).code).toBe(125);
    const network = await crucible(["exec", "--allow-host", "example.org:443", "--", "true"], {
      env: { CRUCIBLE_NETWORK_ALLOW: "" },
    });
    expect(network.stderr).toContain("no run has a network");
  });
});

describe("crucible shell", () => {
  test("is a shell on a terminal, and gives its exit code", () => {
    // script(1) gives the command a terminal of its own.
    const ended = spawnSync("script", ["-qec", `${process.execPath} ${MAIN} shell -- bash --norc`, "/dev/null"], {
      input: "tty; echo $((6 * 7)); stty size; exit 5\n",
      encoding: "utf8",
      timeout: 60_000,
    });
    expect(ended.stdout).toContain("a sandbox on bubblewrap (namespace)");
    expect(ended.stdout).toMatch(/\/dev\/pts\/0\r?\r\n42\r?\r\n\d+ \d+/);
    expect(ended.status).toBe(5);
  });

  test("refuses where there is no terminal", async () => {
    const ended = await crucible(["shell"]);
    expect(ended.code).toBe(125);
    expect(ended.stderr).toContain("a shell wants a terminal");
  });
});

describe("a sandbox of a server", () => {
  test("that cannot be reached says what to do", async () => {
    const env = { CRUCIBLE_URL: "http://127.0.0.1:65535", CRUCIBLE_API_KEY: "a-key-of-nobody-16" };
    for (const args of [
      ["sandbox", "list"],
      ["exec", "--sandbox", "sbx_1", "--", "true"],
    ])
      expect((await crucible(args, { env })).stderr).toContain("next: start a server with `crucible serve`");
  });

  test("wants a server to be named", async () => {
    const ended = await crucible(["exec", "--sandbox", "sbx_1", "--", "true"], { env: { CRUCIBLE_URL: "" } });
    expect(ended).toMatchObject({ code: 125, stderr: expect.stringContaining("name it with --url") as string });
  });
});
