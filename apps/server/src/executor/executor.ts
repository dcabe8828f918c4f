import type { Outcome } from "@crucible/contract";
import { EngineUnavailableError, SpecError, type Engine, type LanguageInfo, type LimitBounds } from "@crucible/sandbox";
import { SelfcheckFailedError } from "@crucible/sandbox/selfcheck";
import { emptyOutcome } from "../empty-outcome.ts";
import type { Log } from "../log.ts";
import { applyPolicy, type EnginePolicy } from "./engine-choice.ts";
import { provingOnce, type ProveEngine } from "./proof.ts";
import { toOutcome, toRunSpec } from "./translate.ts";
import type { Catalog, ExecutionJob, Executor } from "./types.ts";

export interface InProcessExecutorOptions {
  /** Owned from here on: `close` closes them. */
  readonly engines: readonly Engine[];
  readonly languages: readonly (LanguageInfo & { readonly defaultFile: string })[];
  readonly bounds: LimitBounds;
  /** What runs may reach. Default: nothing. */
  readonly networkAllow?: readonly string[];
  readonly policy: EnginePolicy;
  /** Tests an engine before the first program runs on it. */
  readonly prove: ProveEngine;
  readonly log: Log;
}

/**
 * Runs jobs on engines of this process. Holds no credential, knows no database.
 * @throws what `prove` throws of the default engine: with that one nothing is offered.
 */
export async function createInProcessExecutor(options: InProcessExecutorOptions): Promise<Executor> {
  const { engines, languages, bounds, policy, log } = options;
  const reports = await Promise.all(engines.map((engine) => engine.probe()));
  const infos = applyPolicy(reports, policy);
  const byName = new Map(engines.map((engine) => [engine.name, engine]));
  const standard = byName.get(infos.find(({ isDefault }) => isDefault)?.engine ?? "");
  const catalog: Catalog = {
    // Those of the engine that requests get: one that brings its own needs none of the host's.
    languages: (standard?.languages ?? languages).map(({ name, aliases, extensions, version, compiled }) => ({
      name,
      aliases: [...aliases],
      extensions: [...extensions],
      version,
      compiled,
    })),
    engines: infos,
    maxLimits: bounds.max,
    minLimits: bounds.min,
    networkAllow: options.networkAllow ?? [],
  };
  const brought = engines.flatMap((engine) => engine.languages ?? []);
  const defaultFiles = new Map([...brought, ...languages].map((language) => [language.name, language.defaultFile]));

  // The engine that requests get is tested before there are any; the others before the first that names them.
  const prove = provingOnce(options.prove);
  if (standard !== undefined) {
    try {
      await prove(standard);
    } catch (error) {
      await Promise.all(engines.map((engine) => engine.close()));
      throw error;
    }
  }

  /** The engine named in the job or none: never another one. */
  const usableEngine = (name: string): Engine => {
    const info = catalog.engines.find((engine) => engine.engine === name);
    const engine = byName.get(name);
    if (engine === undefined || info === undefined)
      throw new EngineUnavailableError(name, `engine ${name} does not exist here`, null);
    if (!info.available || !info.allowed) {
      throw new EngineUnavailableError(
        name,
        `engine ${name} cannot be used: ${info.reason ?? "unknown reason"}`,
        info.fix,
      );
    }
    return engine;
  };

  const failed = (job: ExecutionJob, error: unknown): Outcome => {
    const isExpected = [SpecError, EngineUnavailableError, SelfcheckFailedError].some((kind) => error instanceof kind);
    if (!isExpected) {
      log.error({ err: error, runId: job.runId, engine: job.engine }, "an engine failed in a way it must not");
    }
    return emptyOutcome({
      status: "sandbox_failed",
      engine: job.engine,
      isolation: byName.get(job.engine)?.isolation ?? "none",
      reason: error instanceof Error ? error.message : String(error),
    });
  };

  const executor: Executor = {
    catalog: async () => catalog,
    execute: async (job, { signal, onOutput }) => {
      try {
        const engine = usableEngine(job.engine);
        await prove(engine);
        const spec = toRunSpec(job.request, defaultFiles.get(job.request.language) ?? "main");
        return toOutcome(await engine.run(spec, { signal, onOutput }));
      } catch (error) {
        return failed(job, error);
      }
    },
    openSession: async (name, spec) => {
      const engine = usableEngine(name);
      if (engine.openSession === undefined)
        throw new EngineUnavailableError(name, `engine ${name} has no sandboxes that stay`, null);
      return engine.openSession(spec);
    },
    close: async () => {
      await Promise.all(engines.map((engine) => engine.close()));
    },
    [Symbol.asyncDispose]: () => executor.close(),
  };
  return executor;
}
