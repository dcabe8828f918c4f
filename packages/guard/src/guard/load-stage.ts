import { availableParallelism } from "node:os";
import { loadModel } from "../bayes/model-file.ts";
import { shippedModelPath } from "../bayes/shipped.ts";
import { createBayesStage } from "../bayes/stage.ts";
import { DEFAULT_BREAKER } from "../breaker/breaker.ts";
import { PipelineConfigError } from "../pipeline/errors.ts";
import { STAGE_NAMES } from "../policy/default.ts";
import type { Stage } from "../stage.ts";
import { readTransformerFolder } from "../transformer/folder.ts";
import { createTransformerStage, shippedTransformerPath } from "../transformer/stage.ts";
import { fileOf } from "./file-of.ts";
import type { GuardOptions, StageDescription, StageStats } from "./types.ts";
import { withBreaker } from "./with-breaker.ts";

/** A stage with what a guard says of it. */
export interface LoadedStage {
  readonly stage: Stage;
  readonly description: StageDescription;
  readonly stats: () => StageStats;
  readonly close: () => Promise<void>;
}

/** Loads the model of a stage. Rejects with `ModelFileError`, or `PipelineConfigError` for a stage that does not exist. */
export async function loadStage(name: string, options: GuardOptions): Promise<LoadedStage> {
  if (name === "bayes") return await loadBayes(options.models?.bayes ?? shippedModelPath());
  if (name === "transformer") return await loadTransformer(options);
  throw new PipelineConfigError(
    `the policy names the stage ${JSON.stringify(name)}, which does not exist`,
    `name one of: ${STAGE_NAMES.join(", ")}`,
  );
}

async function loadBayes(path: string): Promise<LoadedStage> {
  const stage = createBayesStage(await loadModel(path));
  const { name, version } = stage;
  return {
    stage,
    description: { name, version, files: [await fileOf(path)] },
    stats: () => ({ name, breaker: null, pool: null }),
    close: () => Promise.resolve(),
  };
}

async function loadTransformer({ models, workers, clock = performance, onEvent }: GuardOptions): Promise<LoadedStage> {
  const model = await readTransformerFolder(models?.transformer ?? shippedTransformerPath());
  const inner = await createTransformerStage(model, {
    // More than two do not pay where the server itself and the Bayes stage need cores, too.
    workers: workers ?? Math.min(2, Math.max(1, availableParallelism() - 1)),
    onReplaced: (reason) => onEvent?.({ type: "worker_replaced", stage: "transformer", reason }),
  });
  const stage = withBreaker(inner, DEFAULT_BREAKER, clock, (state) =>
    onEvent?.({ type: "breaker", stage: "transformer", state }),
  );
  const { name, version } = stage;
  return {
    stage,
    description: { name, version, files: model.files },
    stats: () => ({ name, breaker: stage.stats(), pool: inner.stats() }),
    close: inner.close,
  };
}
