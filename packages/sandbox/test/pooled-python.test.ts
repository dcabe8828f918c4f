import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createGvisorEngine, createRuncEngine } from "../src/oci/engine.ts";
import { descendantsOf } from "../src/process/family.ts";
import { leftovers, settle, takeSnapshot } from "../src/testing/host/leftovers.ts";
import type { Engine, RunOutcome, RunSpec } from "../src/types.ts";
import { decode, PROGRAMS, specOf, visible, WAS_STARTED_BEFORE } from "./fixtures/python-programs.ts";

const languages = await detectLanguages(["python"]);
const options = { languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 2 };

const MiB = 1024 * 1024;

/** gVisor is slow where processes are started: one program of each kind is enough there. */
const GVISOR_PROGRAMS = ["its own module", "modules that nobody imported", "a traceback", "an exit message", "signals"];

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return "";
  }
}

describe.each([
  ["runc", createRuncEngine, Object.keys(PROGRAMS)],
  ["gvisor", createGvisorEngine, GVISOR_PROGRAMS],
] as const)("a Python program from the pool of %s", (_, create, names) => {
  let pooled: Engine;
  let afresh: Engine;
  beforeAll(() => {
    pooled = create({ ...options, pool: 2 });
    afresh = create(options);
  });
  afterAll(async () => {
    await pooled.close();
    await afresh.close();
  });
  /** Asks until a prepared sandbox is there: each answer uses one up. */
  const pooledRun = (code: string, limits: RunSpec["limits"] = {}): Promise<RunOutcome> =>
    vi.waitUntil(
      async () => {
        const spec = specOf(`${WAS_STARTED_BEFORE}\n${code}`);
        const outcome = await pooled.run({ ...spec, limits: { ...spec.limits, ...limits } });
        return decode(outcome.stdout).startsWith("True\n") && outcome;
      },
      { timeout: 30_000, interval: 100 },
    );
  const untilPooled = async (code: string): Promise<string> => decode((await pooledRun(code)).stdout);

  it.each(names)("does as one that was started afresh: %s", async (name) => {
    const code = PROGRAMS[name] ?? "";
    const expected = visible(await afresh.run(specOf(code)));
    await untilPooled("");
    expect(visible(await pooled.run(specOf(code)))).toEqual(expected);
  });

  it("has its sandbox for itself, and nothing of an earlier run", async () => {
    const look = "import os; print(os.listdir('/tmp')); open('/tmp/left', 'w').close()";
    for (let round = 0; round < 3; round += 1) expect(await untilPooled(look)).toBe("True\n[]\n");
  });

  it("is seen to read the decoy file, and the next one is not", async () => {
    const read = "import os; open(os.path.expanduser('~/.aws/credentials')).read()";
    expect((await pooledRun(read)).violations).toMatchObject([{ kind: "canary_read" }]);
    expect((await pooledRun("")).violations).toEqual([]);
  });

  it("is held by the limits of its own request", async () => {
    await untilPooled("");
    const limits = { ...specOf("").limits, memoryBytes: 64 * 1024 * 1024, wallTimeMs: 5_000 };
    const grow = "kept = []\nwhile True: kept.append(b'x' * (8 << 20))";
    expect(await pooled.run({ ...specOf(grow), limits })).toMatchObject({ status: "out_of_memory" });
    const loop = await pooled.run({ ...specOf("while True: pass"), limits: { ...specOf("").limits, cpuTimeMs: 300 } });
    expect(loop).toMatchObject({ status: "cpu_exceeded" });
  });

  it("counts the memory of its interpreter, and what the program took, as its own", async () => {
    const take = async (code: string): Promise<number> =>
      (await pooledRun(code, { memoryBytes: 256 * MiB })).peakMemoryBytes ?? 0;
    const [small, large] = [await take("pass"), await take("b'x' * (100 << 20)")];
    // It was counted where it had been started: a short program seemed to take nothing at all.
    expect(small).toBeGreaterThan(2 * MiB);
    expect(small).toBeLessThan(80 * MiB);
    expect(large - small).toBeGreaterThan(80 * MiB);
    expect(large - small).toBeLessThan(140 * MiB);
  });

  it("starts afresh with less memory than an interpreter that waits may have taken", async () => {
    await untilPooled("");
    const limits = { ...specOf("").limits, memoryBytes: 31 * MiB };
    const outcome = await pooled.run({ ...specOf(WAS_STARTED_BEFORE), limits });
    expect({ status: outcome.status, stdout: decode(outcome.stdout) }).toEqual({
      status: "exited",
      stdout: "False\n",
    });
  });

  it("never gets a sandbox that has died while it waited", async () => {
    await untilPooled("");
    const ours = (): number[] =>
      descendantsOf(process.pid).filter((pid) => commandOf(pid).includes(`crucible-oci-p${process.pid}-`));
    await vi.waitUntil(() => ours().length > 0, { timeout: 20_000 });
    for (const pid of ours()) process.kill(pid, "SIGKILL");
    const outcome = await pooled.run(specOf("print('ran')"));
    expect({ status: outcome.status, stdout: decode(outcome.stdout) }).toEqual({ status: "exited", stdout: "ran\n" });
  });

  it("starts afresh when the request has variables, which could change the interpreter", async () => {
    await untilPooled("");
    const outcome = await pooled.run({ ...specOf(WAS_STARTED_BEFORE), env: { PYTHONHASHSEED: "1" } });
    expect(decode(outcome.stdout)).toBe("False\n");
  });
});

describe.each([
  ["runc", createRuncEngine],
  ["gvisor", createGvisorEngine],
] as const)("the pool of %s", (_, create) => {
  it("leaves nothing once the engine is closed, also of what is just being prepared", async () => {
    const before = await takeSnapshot();
    const engine = create({ ...options, pool: 4 });
    for (let round = 0; round < 3; round += 1) await engine.run(specOf(""));
    await engine.close();
    const left = await settle(
      async () => leftovers(before, await takeSnapshot()),
      (found) => found.length === 0,
      4_000,
    );
    expect(left).toEqual([]);
  });
});
