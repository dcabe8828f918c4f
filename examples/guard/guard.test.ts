import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { execute } from "../execute.ts";
import { MAIN, type OwnCrucible, startCrucible } from "../start-crucible.ts";

const example = (name: string) => join(import.meta.dirname, name);

describe("the guard before a server of models", () => {
  const undo = new AsyncDisposableStack();
  let server: OwnCrucible;
  beforeAll(async () => {
    // The stub in a process of its own stands for the model's server.
    const model = spawn(process.execPath, [MAIN, "stub-model", "--port", "0", "--json"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    undo.defer(async () => {
      const ended = once(model, "exit");
      model.kill("SIGTERM");
      await ended;
    });
    const [line] = (await once(createInterface({ input: model.stdout }), "line")) as [string];
    const { url } = JSON.parse(line) as { url: string };
    const folder = await mkdtemp(join(tmpdir(), "crucible-example-guard-"));
    undo.defer(async () => await rm(folder, { recursive: true }));
    // As it stands, but for the port, which may be in use here.
    const file = (await readFile(example("gateway.yaml"), "utf8")).replace(
      "http://127.0.0.1:8000",
      new URL(url).origin,
    );
    await writeFile(join(folder, "gateway.yaml"), file);
    server = undo.use(
      await startCrucible({
        CRUCIBLE_ROLES: "api,gateway",
        CRUCIBLE_GATEWAY_CONFIG: join(folder, "gateway.yaml"),
        CRUCIBLE_GUARD_POLICY: example("policy.yaml"),
      }),
    );
  });
  afterAll(async () => await undo.disposeAsync());

  test("chat.ts gets an answer, a stream and a block", async () => {
    const { code, stdout, stderr } = await execute([process.execPath, example("chat.ts"), "my-model?words=300"], {
      env: { CRUCIBLE_URL: server.url, CRUCIBLE_API_KEY: server.apiKey },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^allow: word1 word2 .*\nstream: \d{4} characters in \d{1,2} pieces\nblocked: 400 content_/);
  });

  test("the screenings of the chat are on record, with the policy's decision", async () => {
    const headers = { authorization: `Bearer ${server.apiKey}` };
    const blocked = async (): Promise<unknown> => {
      const list = await fetch(`${server.url}/api/v1/screenings?decision=block`, { headers });
      return ((await list.json()) as { screenings: unknown }).screenings;
    };
    // They are written behind the answer.
    await expect.poll(blocked).toMatchObject([{ model: "my-model?words=300", reason: "at_or_above_block" }]);
  });
});
