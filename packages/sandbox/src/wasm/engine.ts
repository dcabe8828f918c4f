import { EngineUnavailableError, SpecError } from "../errors.ts";
import { findLanguage, LANGUAGES } from "../languages/table.ts";
import { createEngineShell } from "../run/engine-shell.ts";
import { notRun, outcomeOf } from "../run/outcome.ts";
import type { OutcomeFrame } from "../run/outcome.ts";
import type { RunPlan } from "../run/plan.ts";
import { supervise } from "../run/supervise.ts";
import type { Engine, RunOptions, RunOutcome, RunSpec } from "../types.ts";
import type { Runtime } from "./command.ts";
import { frame } from "./frame.ts";
import { controlOf, fromNowOn, startIsolate } from "./isolate.ts";
import type { Isolate } from "./isolate.ts";
import { makeReady } from "./prepare.ts";
import type { Ready, WasmOptions } from "./prepare.ts";
import { probe } from "./probe.ts";
import { createSpares } from "./spares.ts";
import type { SpareClass } from "./spares.ts";
import { findTools, NAME, wasmLanguages } from "./tools.ts";

/** Loading counts too where only RLIMIT_CPU holds. */
const OWN_CPU_SECONDS: Readonly<Record<Runtime, number>> = { javascript: 2, python: 15 };
/** V8's, Tokio's and the compilers' threads (measured: 12 on two cores, more on more). */
const OWN_THREADS = 128;
const DEFAULT_SPARES = 1;

const OUT_OF_MEMORY = /Fatal (?:JavaScript|process) (?:invalid size error|out of memory)|Fatal JavaScript OOM/;

/** Deno without permissions: JavaScript and TypeScript, and Python by Pyodide. Needs nothing of the system. */
export function createWasmEngine(options: WasmOptions): Engine {
  const spares = createSpares(options.spares ?? DEFAULT_SPARES);
  const languages = languagesOf(options);
  let host: Ready | undefined;
  let background = Promise.resolve();

  const runIn = async (
    ready: Ready,
    _slot: number,
    plan: RunPlan,
    runOptions: RunOptions,
    startedAt: number,
  ): Promise<RunOutcome> => {
    const outcomeFrame = (): OutcomeFrame => ({
      engine: NAME,
      isolation: "wasm",
      plan,
      setupMs: performance.now() - startedAt,
    });
    const runtime: Runtime = plan.language.name === "python" ? "python" : "javascript";
    const wanted = spareClass(ready, runtime, plan);
    const started = await spares.take(wanted, runOptions.signal);
    if ("failure" in started) {
      return runOptions.signal?.aborted === true
        ? notRun(outcomeFrame(), "cancelled", "cancelled before it started")
        : notRun(outcomeFrame(), "sandbox_failed", started.failure);
    }
    try {
      return await runProgram(started, plan, runOptions, outcomeFrame());
    } finally {
      await started.close();
      if (runtime === "python" && !ready.python.hasSnapshot) {
        background = ready.python.makeSnapshot(ready).then(() => spares.refill(wanted));
      } else spares.refill(wanted);
    }
  };
  const shell = createEngineShell(
    NAME,
    "wasm",
    { ...options, languages },
    {
      makeReady: async () => {
        host = await makeReady(options);
        return host;
      },
      probe: (ready) => probe(ready, languages),
      runIn,
      close: async () => {
        host?.closing.abort();
        await spares.close();
        await background;
        await spares.close();
      },
    },
  );
  return {
    ...shell,
    languages,
    run: async (spec, runOptions) => {
      refuseOthers(spec, languages);
      return await shell.run(spec, runOptions);
    },
  };
}

/** Empty where the packages are missing: the probe says so. */
function languagesOf(options: WasmOptions): ReturnType<typeof wasmLanguages> {
  try {
    return wasmLanguages(findTools(options.denoPath));
  } catch (error) {
    if (error instanceof EngineUnavailableError) return [];
    throw error;
  }
}

/** A known language that this engine does not run is no matter of packages to install. */
function refuseOthers({ language }: RunSpec, languages: ReturnType<typeof wasmLanguages>): void {
  const known = findLanguage(LANGUAGES, language);
  if (known === undefined || languages.length === 0 || findLanguage(languages, language) !== undefined) return;
  const names = languages.map(({ name }) => name).join(", ");
  throw new SpecError(
    "language_not_installed",
    "language",
    `the wasm engine does not run ${known.name}; it runs ${names}`,
  );
}

function spareClass(host: Ready, runtime: Runtime, { limits }: RunPlan): SpareClass {
  const own = { memoryBytes: limits.memoryBytes, cpuSeconds: Math.ceil(limits.cpuTimeMs / 1000) };
  const commandLimits = { ...own, cpuSeconds: own.cpuSeconds + OWN_CPU_SECONDS[runtime] };
  return {
    key: `${runtime} ${commandLimits.memoryBytes} ${commandLimits.cpuSeconds}`,
    start: (signal) =>
      startIsolate(
        host,
        runtime,
        commandLimits,
        runtime === "python" ? (stdin) => host.python.preload(stdin) : () => Promise.resolve(),
        signal,
      ),
  };
}

/** Hands the program over and watches it to its end. */
async function runProgram(
  isolate: Isolate,
  plan: RunPlan,
  runOptions: RunOptions,
  outcomeFrame: OutcomeFrame,
): Promise<RunOutcome> {
  const { child } = isolate;
  const { entry, args, env, files, stdin, limits } = plan;
  const control = controlOf(child);
  const ended = new Promise<void>((resolve) => {
    control.once("close", () => resolve());
  });
  const input = child.stream(0);
  input.write(frame({ entry, args, env }, files));
  input.end(stdin);
  const supervised = await supervise(
    {
      control,
      stdout: child.stream(1),
      stderr: child.stream(2),
      compileOutput: null,
      group: fromNowOn(isolate.group),
      ownProcesses: OWN_THREADS,
      kill: isolate.kill,
      ended,
    },
    { compileLimits: null, runLimits: limits, givenBytes: null },
    runOptions,
  );
  const { run } = supervised;
  // V8 ends its process with an illegal instruction or an abort when its heap is full, and says why.
  const isFull =
    run?.status === "signaled" &&
    /^SIG(?:TRAP|ABRT|ILL)$/.test(run.signal ?? "") &&
    OUT_OF_MEMORY.test(new TextDecoder().decode(run.stderr));
  return outcomeOf(
    outcomeFrame,
    isFull && run !== null
      ? { ...supervised, run: { ...run, status: "out_of_memory", signal: "SIGKILL", limitsHit: ["memoryBytes"] } }
      : supervised,
    "the process ended without a report",
  );
}
