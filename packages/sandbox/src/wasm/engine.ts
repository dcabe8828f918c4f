import { MAX_SLOTS } from "../bubblewrap/uids.ts";
import { EngineUnavailableError, SpecError } from "../errors.ts";
import { findLanguage, LANGUAGES } from "../languages/table.ts";
import { createEngineShell } from "../run/engine-shell.ts";
import { notRun } from "../run/outcome.ts";
import type { OutcomeFrame } from "../run/outcome.ts";
import type { RunPlan } from "../run/plan.ts";
import type { Engine, RunOptions, RunOutcome, RunSpec } from "../types.ts";
import type { Runtime } from "./command.ts";
import { startIsolate } from "./isolate.ts";
import { makeReady } from "./prepare.ts";
import type { Ready, WasmOptions } from "./prepare.ts";
import { probe } from "./probe.ts";
import { runProgram } from "./run-program.ts";
import { createSpares, unlessAborted } from "./spares.ts";
import type { SpareClass } from "./spares.ts";
import { findTools, NAME, wasmLanguages } from "./tools.ts";

/** Loading counts too where only RLIMIT_CPU holds. */
const OWN_CPU_SECONDS: Readonly<Record<Runtime, number>> = { javascript: 2, python: 15 };
const DEFAULT_SPARES = 1;

/**
 * Every process has a uid of its own, and there are so many: beside those that run there are the waiting, those that
 * start to wait, those that are being ended, a probe, and the one that makes Python's snapshot.
 */
const slotsFor = (wanted: number, spares: number): number => Math.max(1, Math.min(wanted, MAX_SLOTS - 3 * spares - 4));

/** Deno without permissions: JavaScript and TypeScript, and Python by Pyodide. Needs nothing of the system. */
export function createWasmEngine(options: WasmOptions): Engine {
  const spareCount = options.spares ?? DEFAULT_SPARES;
  const spares = createSpares(spareCount);
  const languages = languagesOf(options);
  let host: Ready | undefined;

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
      return await runProgram(started, plan, runOptions, outcomeFrame(), ready.seesPeaks);
    } finally {
      await started.close();
      spares.refill(wanted);
    }
  };
  const shell = createEngineShell(
    NAME,
    "wasm",
    { ...options, languages, slots: slotsFor(options.slots, spareCount) },
    {
      makeReady: async () => {
        host = await makeReady(options);
        return host;
      },
      probe: (ready) => probe(ready, languages),
      runIn,
      hasArtifacts: true,
      close: async () => {
        host?.closing.abort();
        await spares.close();
        await host?.python.close();
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
    return wasmLanguages(findTools(options.denoPath, options.platform));
  } catch (error) {
    if (error instanceof EngineUnavailableError) return [];
    throw error;
  }
}

/** A known language that this engine does not run is no matter of packages to install. */
function refuseOthers({ language, artifacts = false }: RunSpec, languages: ReturnType<typeof wasmLanguages>): void {
  const known = findLanguage(LANGUAGES, language);
  if (
    artifacts !== false &&
    known !== undefined &&
    known.name !== "python" &&
    findLanguage(languages, language) !== undefined
  )
    throw new SpecError(
      "invalid_field",
      "artifacts",
      `the wasm engine gives back files of Python programs alone: ${known.name} has no file system there`,
    );
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
    start: async (signal) => {
      if (runtime === "javascript") return startIsolate(host, runtime, commandLimits, () => Promise.resolve(), signal);
      const isPrepared = await unlessAborted(host.python.prepare(host), signal);
      if (isPrepared === null) return { failure: "cancelled" };
      return startIsolate(host, runtime, commandLimits, (stdin) => host.python.preload(stdin), signal);
    },
  };
}
