import { expect, test } from "vitest";
import { RunRequest } from "@crucible/contract";
import {
  type Engine,
  EngineUnavailableError,
  MAX_LIMITS,
  MIN_LIMITS,
  SpecError,
  type ProbeReport,
  createSubprocessEngine,
  detectLanguages,
} from "@crucible/sandbox";
import { createFakeEngine } from "../../test/fake-executor.ts";
import { SILENT } from "../log.ts";
import { applyPolicy } from "./engine-choice.ts";
import { createInProcessExecutor } from "./executor.ts";
import { createProof, type ProveEngine } from "./proof.ts";

const language = {
  name: "text",
  aliases: [],
  extensions: [".txt"],
  version: "1",
  compiled: false,
  defaultFile: "main.txt",
};
const request = (input: object = {}) => RunRequest.parse({ language: "text", code: "hi", ...input });
const quiet = { signal: new AbortController().signal, onOutput: () => {} };

async function executorOver(
  engine = createFakeEngine(),
  policy = { allowUnsafe: false },
  others: Engine[] = [],
  prove: ProveEngine = async () => undefined,
) {
  return createInProcessExecutor({
    engines: [engine, ...others],
    languages: [language],
    bounds: { min: MIN_LIMITS, max: MAX_LIMITS },
    policy,
    prove,
    log: SILENT,
  });
}

test("a request becomes bytes under the right names", async () => {
  const engine = createFakeEngine();
  const executor = await executorOver(engine);
  const base64 = { path: "b/c.bin", content: "AP8=", encoding: "base64" };
  for (const input of [
    { stdin: "é" },
    { entry: "Other.txt" },
    {
      code: undefined,
      files: [{ path: "a", content: "é" }, base64],
      entry: "b/c.bin",
      stdin: "AP8=",
      stdinEncoding: "base64",
    },
  ]) {
    await executor.execute({ runId: "run_1", engine: "fake", request: request(input) }, quiet);
  }
  const names = engine.ran.map((spec) => spec.files.map((file) => file.path));
  expect(names).toEqual([["main.txt"], ["Other.txt"], ["a", "b/c.bin"]]);
  expect(Buffer.from(engine.ran[0]?.stdin ?? []).toString()).toBe("é");
  expect(Buffer.from(engine.ran[2]?.files[1]?.content ?? [])).toEqual(Buffer.from([0, 255]));
  expect(Buffer.from(engine.ran[2]?.stdin ?? [])).toEqual(Buffer.from([0, 255]));
});

test("a job for an engine that cannot be used fails and runs nowhere", async () => {
  const engine = createFakeEngine("weak", "none");
  const executor = await executorOver(engine);
  const refused = await executor.execute({ runId: "run_1", engine: "weak", request: request() }, quiet);
  expect(refused).toMatchObject({
    status: "sandbox_failed",
    engine: "weak",
    reason: expect.stringContaining("CRUCIBLE_ALLOW_UNSAFE"),
  });
  const unknown = await executor.execute({ runId: "run_1", engine: "other", request: request() }, quiet);
  expect(unknown).toMatchObject({ status: "sandbox_failed", reason: expect.stringContaining("does not exist") });
  expect(engine.ran).toEqual([]);
});

test.each([
  new SpecError("invalid_field", "args", "args are too long"),
  new EngineUnavailableError("fake", "bwrap has gone", null),
  new Error("a bug"),
])("what an engine throws becomes sandbox_failed: $message", async (error) => {
  const engine = { ...createFakeEngine(), run: () => Promise.reject(error) };
  const outcome = await (
    await executorOver(engine)
  ).execute({ runId: "run_1", engine: "fake", request: request() }, quiet);
  expect(outcome).toMatchObject({ status: "sandbox_failed", reason: error.message, stdout: "", limits: null });
});

test("closing closes the engines", async () => {
  let closed = 0;
  const engine = { ...createFakeEngine(), close: async () => void (closed += 1) };
  await (await executorOver(engine)).close();
  expect(closed).toBe(1);
});

const report = (engine: string, isolation: ProbeReport["isolation"], available = true): ProbeReport => ({
  engine,
  isolation,
  available,
  version: null,
  reason: available ? null : "missing",
  fix: null,
  belts: [],
});
const LADDER = [report("subprocess", "none"), report("bubblewrap", "namespace"), report("runsc", "gvisor", false)];
const chosen = (policy: Parameters<typeof applyPolicy>[1]) =>
  applyPolicy(LADDER, policy).find((info) => info.isDefault)?.engine;

test("the default engine is the strongest that works and is allowed", () => {
  expect(chosen({ allowUnsafe: false })).toBe("bubblewrap");
  expect(chosen({ allowUnsafe: true })).toBe("bubblewrap");
  expect(chosen({ allowUnsafe: true, engine: "subprocess" })).toBe("subprocess");
});

test("no default engine rather than a weaker one than the operator wants", () => {
  expect(chosen({ allowUnsafe: false, engine: "subprocess" })).toBeUndefined();
  expect(chosen({ allowUnsafe: true, engine: "runsc" })).toBeUndefined();
  expect(chosen({ allowUnsafe: true, minIsolation: "gvisor" })).toBeUndefined();
  const infos = applyPolicy(LADDER, { allowUnsafe: true, minIsolation: "namespace" });
  expect(infos.map((info) => info.allowed)).toEqual([false, true, true]);
  expect(infos[0]?.reason).toContain("CRUCIBLE_MIN_ISOLATION");
});

/** Says that it isolates and runs everything on the host itself. */
async function createPretender(name: string): Promise<Engine & { readonly closed: () => boolean }> {
  const languages = await detectLanguages(["python", "bash"]);
  const bounds = { min: MIN_LIMITS, max: MAX_LIMITS };
  const engine = createSubprocessEngine({ languages, bounds, slots: 2, allowUnsafe: true });
  let closed = false;
  return {
    ...engine,
    name,
    isolation: "namespace",
    probe: async () => ({ ...(await engine.probe()), engine: name, isolation: "namespace" }),
    close: async () => {
      closed = true;
      await engine.close();
    },
    closed: () => closed,
  };
}

test("refuses to serve with a default engine that does not hold what it promises", async () => {
  const pretender = await createPretender("pretender");
  const refused = executorOver(
    createFakeEngine("weaker", "none"),
    { allowUnsafe: true },
    [pretender],
    createProof(SILENT),
  );
  await expect(refused).rejects.toMatchObject({
    code: "selfcheck_failed",
    message: expect.stringMatching(/engine pretender does not hold.*network\.tcp-loopback/),
  });
  expect(pretender.closed()).toBe(true);
});

test("runs nothing on another engine that does not hold what it promises, and goes on with the rest", async () => {
  const standard = createFakeEngine("standard", "gvisor");
  await using pretender = await createPretender("pretender");
  const prove: ProveEngine = (engine) => (engine === standard ? Promise.resolve() : createProof(SILENT)(engine));
  const executor = await executorOver(standard, { allowUnsafe: false }, [pretender], prove);
  const refused = await executor.execute({ runId: "run_1", engine: "pretender", request: request() }, quiet);
  expect(refused).toMatchObject({
    status: "sandbox_failed",
    reason: expect.stringContaining("engine pretender does not hold what it promises"),
  });
  const ran = await executor.execute({ runId: "run_2", engine: "standard", request: request() }, quiet);
  expect(ran.status).toBe("exited");
});

test("tests an engine once, however many runs wait for it", async () => {
  const engine = createFakeEngine();
  let proofs = 0;
  const executor = await executorOver(engine, undefined, [], async () => void (proofs += 1));
  const job = { engine: "fake", request: request() };
  await Promise.all(["run_1", "run_2"].map((runId) => executor.execute({ ...job, runId }, quiet)));
  expect(proofs).toBe(1);
});

test("an engine that brings its languages offers these, where it is what requests get", async () => {
  const own = { ...language, name: "own", defaultFile: "own.txt" };
  const wasm = { ...createFakeEngine("wasm", "wasm"), languages: [own] };
  const executor = await executorOver(wasm);
  const { languages, engines } = await executor.catalog();
  expect(languages.map(({ name }) => name)).toEqual(["own"]);
  expect(engines).toMatchObject([{ engine: "wasm", isDefault: true }]);
  await executor.execute({ runId: "run_1", engine: "wasm", request: request({ language: "own" }) }, quiet);
  expect(wasm.ran[0]?.files[0]?.path).toBe("own.txt");

  const beside = await executorOver(createFakeEngine("bubblewrap", "namespace"), undefined, [wasm]);
  expect((await beside.catalog()).languages.map(({ name }) => name)).toEqual(["text"]);
});

test("where only wasm is to be had it is the default, unless the operator asked for more", async () => {
  const missing: Engine = {
    ...createFakeEngine("bubblewrap", "namespace"),
    probe: async () => ({
      engine: "bubblewrap",
      isolation: "namespace",
      available: false,
      version: null,
      reason: "it is not installed",
      fix: "install it",
      belts: [],
    }),
  };
  const defaultOf = async (policy: { allowUnsafe: boolean; minIsolation?: "namespace"; engine?: string }) => {
    const executor = await executorOver(createFakeEngine("wasm", "wasm"), policy, [missing]);
    const { engines } = await executor.catalog();
    return engines.find(({ isDefault }) => isDefault)?.engine;
  };
  expect(await defaultOf({ allowUnsafe: false })).toBe("wasm");
  expect(await defaultOf({ allowUnsafe: true, minIsolation: "namespace" })).toBeUndefined();
  expect(await defaultOf({ allowUnsafe: true, engine: "bubblewrap" })).toBeUndefined();
});
