import {
  MAX_LIMITS,
  MIN_LIMITS,
  type Engine,
  type RunOptions,
  type RunOutcome,
  type RunSpec,
  type StepResult,
} from "@crucible/sandbox";
import { createInProcessExecutor } from "../src/executor/executor.ts";
import type { Executor } from "../src/executor/types.ts";
import { SILENT } from "../src/log.ts";

/** What the fake language understands: the program is this as JSON; anything else is printed. */
export interface FakeProgram {
  readonly sleepMs?: number;
  /** Base64 of what goes to standard output. */
  readonly stdout?: string;
  readonly exitCode?: number;
}

/** An engine that runs nothing, and ends as the program's JSON says. The border to it is the real one. */
export function createFakeEngine(
  name = "fake",
  isolation: Engine["isolation"] = "namespace",
): Engine & { readonly ran: RunSpec[] } {
  const ran: RunSpec[] = [];
  return {
    name,
    isolation,
    ran,
    probe: async () => ({ engine: name, isolation, available: true, version: "1", reason: null, fix: null, belts: [] }),
    run: async (spec, options = {}) => {
      ran.push(spec);
      const text = Buffer.from(spec.files[0]!.content).toString();
      const program: FakeProgram = text.startsWith("{")
        ? (JSON.parse(text) as FakeProgram)
        : { stdout: Buffer.from(text).toString("base64") };
      const stdout =
        program.stdout === "stdin" ? (spec.stdin ?? new Uint8Array()) : Buffer.from(program.stdout ?? "", "base64");
      options.onOutput?.({ step: "run", stream: "stdout", bytes: stdout });
      const cancelled = await sleep(program.sleepMs ?? 0, options);
      return outcome(name, isolation, spec.language, {
        status: cancelled ? "cancelled" : "exited",
        exitCode: cancelled ? null : (program.exitCode ?? 0),
        stdout,
      });
    },
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

/** An executor over fake engines with the language `text` (alias `txt`). */
export function createFakeExecutor(
  engines: Engine[] = [createFakeEngine()],
  policy = { allowUnsafe: false },
): Promise<Executor> {
  const language = {
    name: "text",
    aliases: ["txt"],
    extensions: [".txt"],
    version: "1",
    compiled: false,
    defaultFile: "main.txt",
  };
  return createInProcessExecutor({
    engines,
    languages: [language],
    bounds: { min: MIN_LIMITS, max: MAX_LIMITS },
    policy,
    prove: async () => undefined,
    log: SILENT,
  });
}

function sleep(ms: number, { signal }: RunOptions): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve(true);
    if (ms === 0) return resolve(false);
    const timer = setTimeout(resolve, ms, false);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

function outcome(
  engine: string,
  isolation: Engine["isolation"],
  language: string,
  step: Pick<StepResult, "status" | "exitCode" | "stdout">,
): RunOutcome {
  return {
    ...step,
    signal: null,
    stderr: new Uint8Array(),
    stdoutTruncated: false,
    stderrTruncated: false,
    wallMs: 1,
    cpuMs: 1,
    peakMemoryBytes: 1,
    limitsHit: [],
    engine,
    isolation,
    language,
    languageVersion: "1",
    reason: null,
    setupMs: 1,
    limits: MAX_LIMITS,
    compile: null,
    violations: [],
    behaviourScore: 0,
  };
}
