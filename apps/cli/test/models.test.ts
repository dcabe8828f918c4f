import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aModel, COMMIT_A, type FakeHub, startFakeHub } from "../../../packages/guard/test/fake-hub.ts";
import { modelFolder } from "../../../packages/guard/src/transformer/testing/model-folder.ts";
import { crucible, type Ended, start } from "./crucible.ts";

const NAME = "acme/guard-model";
let folder = "";
let hub: FakeHub;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "crucible-models-cli-"));
  hub = await startFakeHub();
  hub.models.set(NAME, aModel());
});
afterEach(async () => {
  await hub[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const env = (dataDir = "data") => ({ HF_ENDPOINT: hub.endpoint, CRUCIBLE_DATA_DIR: dataDir });
const models = async (args: readonly string[], more: Record<string, string> = {}): Promise<Ended> =>
  await crucible(["models", ...args], { cwd: folder, env: { ...env(), ...more } });

describe("crucible models", () => {
  it("pulls, lists, verifies and removes a model", async () => {
    const pulled = await models(["pull", NAME]);
    expect(pulled.code).toBe(0);
    expect(pulled.stderr).toBe(`${NAME} at ${COMMIT_A}\nlicence: apache-2.0\n5 files, 294.5 KiB\n`);
    expect(pulled.stdout).toMatch(
      /^installed acme\/guard-model at a{40}\n {2}folder {3}.*\n {2}size {5}294\.\d KiB in 5/,
    );
    expect((await models(["list"])).stdout).toMatch(
      /^ +MODEL.*\n\* {2}acme\/guard-model {2}a{12} {2}294\.\d KiB {2}apache/,
    );
    expect(await models(["verify"])).toMatchObject({ code: 0, stdout: `ok       ${NAME} at ${COMMIT_A}\n` });

    await appendFile(join(folder, "data", "models", NAME, COMMIT_A, "config.json"), " ");
    const damaged = await models(["verify", NAME]);
    expect(damaged).toMatchObject({ code: 1, stdout: expect.stringContaining('"config.json" is changed') });
    expect(await models(["remove", NAME])).toMatchObject({ code: 0, stdout: `removed ${NAME} at ${COMMIT_A}\n` });
    expect((await models(["list"])).stdout).toContain("no models are installed");
  });

  it("gives machines what it gives people", async () => {
    const parse = ({ stdout }: Ended): unknown => JSON.parse(stdout);
    const pulled = await models(["pull", NAME, "--json", "--quiet"]);
    expect(pulled.stderr).toBe("");
    expect(parse(pulled)).toMatchObject({ fetched: true, name: NAME, revision: COMMIT_A, licence: "apache-2.0" });
    expect(parse(await models(["list", "--json"]))).toMatchObject({ models: [{ name: NAME, current: true }] });
    expect(parse(await models(["verify", "--json"]))).toMatchObject({ ok: true, models: [{ name: NAME, damage: [] }] });
    await cp(join(folder, "data", "models", NAME, COMMIT_A), join(folder, "copy"), { recursive: true });
    const imported = await models(["import", "copy", "--json"], env("other"));
    expect(parse(imported)).toMatchObject({ fetched: true, name: NAME, revision: COMMIT_A });
    expect(parse(await models(["remove", NAME, "--json"]))).toEqual({ name: NAME, removed: [COMMIT_A] });
  });

  it("tells of a gated model's terms before it fetches, and sends the token to the hub alone", async () => {
    hub.models.set(NAME, { ...aModel(), gated: "auto", licence: "llama4" });
    const refused = await models(["pull", NAME]);
    expect(refused).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("licence: llama4\ngated: ") });
    expect(refused.stderr).toMatch(/crucible: .* answers 403: Access to .*\nnext: accept the model's terms .*\n$/);
    expect((await models(["pull", NAME], { HF_TOKEN: "hf_secret" })).code).toBe(0);
    expect(hub.requests.filter(({ at }) => at === "cdn").map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      undefined,
    ]);
  });

  it("says what is wrong in two lines", async () => {
    const cases: [string[], RegExp][] = [
      [["pull", "nonsense"], /"nonsense" is no name of a model\nnext: give ORG\/NAME/],
      [["pull", NAME, "--revision", "v9"], /Invalid rev id: v9\nnext: check the revision/],
      [["pull", NAME, "--include", "*.gguf"], /has no \*\.gguf\nnext: choose with --include one of: onnx\/model\.onnx/],
      [["remove", NAME], /acme\/guard-model is not installed\nnext: see crucible models list/],
      [["verify", NAME], /is not installed/],
      [["import", "nowhere"], /there is no folder/],
      [["pul", NAME], /unknown command 'pul'\nnext: did you mean pull\? see crucible models --help/],
    ];
    for (const [args, words] of cases) {
      const { code, stdout, stderr } = await models(args);
      expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: expect.stringMatching(words) });
    }
    expect(await models(["list"], { HF_ENDPOINT: "nonsense" })).toMatchObject({ code: 0 });
    expect(await models(["pull", NAME], { HF_ENDPOINT: "nonsense" })).toMatchObject({ code: 2 });
  });

  it("pulls a model that a policy then names as its transformer, and refuses it once a byte has changed", async () => {
    await using tiny = await modelFolder();
    const files = ["config.json", "tokenizer.json", "tokenizer_config.json", "onnx/model.onnx"];
    const read = async (path: string): Promise<[string, Buffer]> => [path, await readFile(join(tiny.path, path))];
    hub.models.set(NAME, aModel(Object.fromEntries(await Promise.all(files.map(read)))));
    const stage = `{name: transformer, model: ${NAME}, allowBelow: 0.2, blockAtOrAbove: 0.8}`;
    await writeFile(join(folder, "policy.yaml"), `version: 1\nstages:\n  - ${stage}\n`);
    const screen = async (text: string): Promise<Ended> =>
      await crucible(["guard", "screen", "--policy", "policy.yaml", "--json", text], { cwd: folder, env: env() });
    expect(await screen("attack")).toMatchObject({ code: 2, stderr: expect.stringContaining("is not installed") });
    expect((await models(["pull", NAME])).code).toBe(0);
    // The tiny model knows these two words.
    expect(JSON.parse((await screen("attack attack")).stdout)).toMatchObject({
      decision: "block",
      stage: "transformer",
    });
    expect(JSON.parse((await screen("hello hello hello")).stdout)).toMatchObject({ decision: "allow" });
    await appendFile(join(folder, "data", "models", NAME, COMMIT_A, "onnx", "model.onnx"), "x");
    const { code, stderr } = await screen("attack");
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('"onnx/model.onnx" is changed') });
  });

  it("stops at Ctrl-C with exit code 130, and goes on with the next command", async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    hub.answer = (at, request, response) => {
      if (at !== "cdn" || request.headers.range !== undefined) return false;
      const bytes = hub.models.get(NAME)!.commits[COMMIT_A]!["onnx/model.onnx"]!;
      response.writeHead(200, { etag: `"cdn-${request.url!.slice(1, 9)}"`, "content-length": bytes.length });
      response.write(bytes.subarray(0, 100_000), () => resolve(undefined));
      return true;
    };
    const running = start(["models", "pull", NAME], { cwd: folder, env: env() });
    await promise;
    running.kill("SIGINT");
    expect(await running.ended).toMatchObject({
      code: 130,
      stderr: expect.stringContaining("goes on where it stopped"),
    });
    hub.answer = null;
    expect((await models(["pull", NAME])).code).toBe(0);
  });
});
