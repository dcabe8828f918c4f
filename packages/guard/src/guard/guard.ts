import { createMemoryCache } from "../cache/memory.ts";
import type { CacheStats, VerdictCache } from "../cache/types.ts";
import { loadModel } from "../bayes/model-file.ts";
import { shippedModelPath } from "../bayes/shipped.ts";
import { createBayesStage } from "../bayes/stage.ts";
import { PipelineConfigError } from "../pipeline/errors.ts";
import { createPipeline } from "../pipeline/pipeline.ts";
import { DEFAULT_POLICY, STAGE_NAMES } from "../policy/default.ts";
import { policyHash } from "../policy/parse.ts";
import type { Stage } from "../stage.ts";
import { fileOf } from "./file-of.ts";
import type { Guard, GuardOptions, StageDescription, StageStats } from "./types.ts";

/** A stage with what describes it. */
interface Loaded {
  readonly stage: Stage;
  readonly description: StageDescription;
  readonly stats: () => StageStats;
  readonly close: () => Promise<void>;
}

/**
 * Loads the models that the policy names and builds a guard. Rejects with `ModelFileError` when one cannot be used,
 * with `PipelineConfigError` when the policy names a stage that does not exist; nothing is left running then.
 */
export async function createGuard(options: GuardOptions = {}): Promise<Guard> {
  const { policy = DEFAULT_POLICY, clock = performance } = options;
  await using undo = new AsyncDisposableStack();
  const loaded: Loaded[] = [];
  for (const { name } of policy.stages) {
    const one = await load(name, options);
    undo.defer(one.close);
    loaded.push(one);
  }
  const { maxEntries } = policy.cache;
  const made = options.cache === undefined && maxEntries > 0 ? createMemoryCache(policy.cache, clock) : undefined;
  const cache = maxEntries === 0 ? undefined : (options.cache ?? made);
  const stages = loaded.map(({ stage }) => stage);
  const pipeline = createPipeline({ policy, stages, clock, ...(cache === undefined ? {} : { cache }) });
  const description = { policyHash: policyHash(policy), stages: loaded.map(({ description: own }) => own) };
  const resources = undo.move();
  const close = async (): Promise<void> => await resources.disposeAsync();
  return {
    policy,
    screen: pipeline.screen,
    describe: () => description,
    stats: () => ({ cache: statsOf(cache), stages: loaded.map(({ stats }) => stats()) }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function load(name: string, options: GuardOptions): Promise<Loaded> {
  if (name === "bayes") return await loadBayes(options.models?.bayes ?? shippedModelPath());
  throw new PipelineConfigError(
    `the policy names the stage ${JSON.stringify(name)}, which does not exist`,
    `name one of: ${STAGE_NAMES.join(", ")}`,
  );
}

async function loadBayes(path: string): Promise<Loaded> {
  const stage = createBayesStage(await loadModel(path));
  const { name, version } = stage;
  return {
    stage,
    description: { name, version, files: [await fileOf(path)] },
    stats: () => ({ name, breaker: null, pool: null }),
    close: () => Promise.resolve(),
  };
}

function statsOf(cache: VerdictCache | undefined): CacheStats | null {
  return cache !== undefined && "stats" in cache && typeof cache.stats === "function"
    ? (cache.stats() as CacheStats)
    : null;
}
