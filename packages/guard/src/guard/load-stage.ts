import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { loadModel } from "../bayes/model-file.ts";
import { shippedModelPath } from "../bayes/shipped.ts";
import { createBayesStage } from "../bayes/stage.ts";
import { DEFAULT_BREAKER } from "../breaker/breaker.ts";
import { resolveModel } from "../models/resolve.ts";
import { PipelineConfigError } from "../pipeline/errors.ts";
import { STAGE_NAMES } from "../policy/default.ts";
import type { Policy, StagePolicy } from "../policy/types.ts";
import type { Stage } from "../stage.ts";
import { readTransformerFolder } from "../transformer/folder.ts";
import { createTransformerStage, shippedTransformerPath } from "../transformer/stage.ts";
import type { TransformerModel } from "../transformer/types.ts";
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

/** Loads the stages that a policy names, in their order. Rejects as `createGuard` does; nothing is left running then. */
export async function loadStages(
  policy: Policy,
  options: Omit<GuardOptions, "policy" | "cache"> = {},
): Promise<{ readonly stages: readonly LoadedStage[]; readonly close: () => Promise<void> }> {
  await using undo = new AsyncDisposableStack();
  const stages: LoadedStage[] = [];
  for (const stage of policy.stages) {
    const one = await loadStage(stage, options);
    undo.defer(one.close);
    stages.push(one);
  }
  const resources = undo.move();
  return { stages, close: async () => await resources.disposeAsync() };
}

/** Loads the model of a stage. Rejects with `ModelFileError` or `ModelStoreError`, or `PipelineConfigError` for a name that nothing has. */
async function loadStage({ name, model }: StagePolicy, options: GuardOptions): Promise<LoadedStage> {
  if (name === "bayes") return await loadBayes(bayesPath(model, options));
  if (name === "transformer") return await loadTransformer(await transformerModel(model, options), options);
  throw new PipelineConfigError(
    `the policy names the stage ${JSON.stringify(name)}, which does not exist`,
    `name one of: ${STAGE_NAMES.join(", ")}`,
  );
}

function bayesPath(named: string | undefined, { models, baseDir = "." }: GuardOptions): string {
  return models?.bayes ?? (named === undefined ? shippedModelPath() : resolve(baseDir, named));
}

async function transformerModel(
  named: string | undefined,
  { models, dataDir, baseDir = "." }: GuardOptions,
): Promise<TransformerModel> {
  const folder = models?.transformer ?? (named === undefined ? shippedTransformerPath() : null);
  if (folder !== null) return await readTransformerFolder(folder);
  if (dataDir === undefined && !/^(\/|\.\.?\/)/.test(named ?? "")) {
    throw new PipelineConfigError(`the policy names the model ${named}, but no data directory`, "name a folder");
  }
  const found = await resolveModel(named ?? "", dataDir ?? ".", { baseDir });
  return await readTransformerFolder(found.folder, found.manifest?.name);
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

async function loadTransformer(
  model: TransformerModel,
  { workers, clock = performance, onEvent }: GuardOptions,
): Promise<LoadedStage> {
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
