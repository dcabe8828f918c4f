import { createMemoryCache } from "../cache/memory.ts";
import type { CacheStats, MemoryCache, VerdictCache } from "../cache/types.ts";
import { createPipeline } from "../pipeline/pipeline.ts";
import { DEFAULT_POLICY } from "../policy/default.ts";
import { policyHash } from "../policy/parse.ts";
import { loadStages } from "./load-stage.ts";
import type { Guard, GuardOptions } from "./types.ts";

/**
 * Loads the models that the policy names and builds a guard. Rejects with `ModelFileError` when one cannot be used, with
 * `ModelStoreError` when it is not installed, and with `PipelineConfigError` when the policy names a stage that does
 * not exist; nothing is left running then.
 */
export async function createGuard(options: GuardOptions = {}): Promise<Guard> {
  const { policy = DEFAULT_POLICY, clock = performance } = options;
  const { stages: loaded, close } = await loadStages(policy, options);
  const { maxEntries } = policy.cache;
  const made = options.cache === undefined && maxEntries > 0 ? createMemoryCache(policy.cache, clock) : undefined;
  const cache = maxEntries === 0 ? undefined : (options.cache ?? made);
  const stages = loaded.map(({ stage }) => stage);
  const pipeline = createPipeline({ policy, stages, clock, ...(cache === undefined ? {} : { cache }) });
  const description = { policyHash: policyHash(policy), stages: loaded.map(({ description: own }) => own) };
  return {
    policy,
    screen: pipeline.screen,
    describe: () => description,
    stats: () => ({ cache: statsOf(cache), stages: loaded.map(({ stats }) => stats()) }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function statsOf(cache: VerdictCache | undefined): CacheStats | null {
  return cache !== undefined && counts(cache) ? cache.stats() : null;
}

function counts(cache: VerdictCache): cache is MemoryCache {
  return "stats" in cache && typeof cache.stats === "function";
}
