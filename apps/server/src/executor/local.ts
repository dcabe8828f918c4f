import {
  MAX_LIMITS,
  MIN_LIMITS,
  createEngines,
  detectLanguages,
  sweepLeftovers,
  type DockerSettings,
  type IsolationLevel,
  type Limits,
} from "@crucible/sandbox";
import type { Log } from "../log.ts";
import { createInProcessExecutor } from "./executor.ts";
import { createProof } from "./proof.ts";
import type { Executor } from "./types.ts";

/** The part of the configuration that engines need; plain data without a credential. */
export interface LocalExecutorSettings {
  readonly allowUnsafe: boolean;
  readonly forkPython: boolean;
  readonly ociRootfs: string | undefined;
  readonly pool: number;
  readonly docker: DockerSettings | undefined;
  /** Where engines keep what can be made again. Default: nowhere. */
  readonly cacheDir?: string;
  readonly engine: string | undefined;
  readonly minIsolation: IsolationLevel | undefined;
  readonly concurrency: number;
  /** What runs may reach: `name:port`, `*.name:port`. */
  readonly networkAllow: readonly string[];
  readonly maxLimits: { readonly [Name in keyof Limits]?: number | undefined };
}

/** The executor over all engines of this host. What a killed process left behind is removed first. */
export async function createLocalExecutor(settings: LocalExecutorSettings, log: Log): Promise<Executor> {
  const [languages, { removed }] = await Promise.all([detectLanguages(), sweepLeftovers()]);
  if (removed.length > 0) log.warn({ removed }, "removed what a killed process had left");
  const bounds = { min: MIN_LIMITS, max: { ...MAX_LIMITS, ...settings.maxLimits } as Limits };
  const { allowUnsafe, forkPython, ociRootfs, pool, docker, engine, minIsolation, concurrency, networkAllow } =
    settings;
  const network = { allow: networkAllow };
  const engines = createEngines({
    languages,
    bounds,
    slots: concurrency,
    allowUnsafe,
    warm: forkPython,
    ociRootfs,
    pool,
    docker,
    cacheDir: settings.cacheDir,
    network,
  });
  const policy = { engine, minIsolation, allowUnsafe };
  return createInProcessExecutor({ engines, languages, bounds, networkAllow, policy, prove: createProof(log), log });
}
