import { resolve } from "node:path";
import { type BayesModel, loadModel, loadShippedModel, ModelFileError, type Thresholds } from "@crucible/guard";
import type { Io } from "../../io.ts";
import { CliProblem } from "../../problem.ts";

/** What every guard command takes to choose a model and what it decides. */
export interface ModelOptions {
  readonly model?: string;
  readonly allowBelow?: number;
  readonly blockFrom?: number;
}

/** Reads the model that was named, or the one that is shipped, with the thresholds that were asked for. */
export async function openModel(
  io: Io,
  { model: path, ...wanted }: ModelOptions,
): Promise<{ model: BayesModel; thresholds: Thresholds }> {
  let model: BayesModel;
  try {
    model = path === undefined ? await loadShippedModel() : await loadModel(resolve(io.cwd, path));
  } catch (cause) {
    if (!(cause instanceof ModelFileError)) throw cause;
    const next = path === undefined ? "install the package anew" : "name a model made by crucible guard train";
    throw new CliProblem(cause.message, next, { cause });
  }
  const allowBelow = wanted.allowBelow ?? Math.min(model.thresholds.allowBelow, wanted.blockFrom ?? 1);
  const blockFrom = wanted.blockFrom ?? Math.max(model.thresholds.blockFrom, allowBelow);
  if (allowBelow > blockFrom) {
    throw new CliProblem(
      `--allow-below ${allowBelow} is above --block-from ${blockFrom}`,
      "a text cannot be allowed and blocked at once",
    );
  }
  return { model, thresholds: { allowBelow, blockFrom } };
}
