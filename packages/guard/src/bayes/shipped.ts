import { fileURLToPath } from "node:url";
import type { BayesModel } from "./model.ts";
import { loadModel } from "./model-file.ts";

/** Where the weights lie that come with this package. */
export function shippedModelPath(): string {
  return fileURLToPath(new URL("../../models/bayes-1.bin", import.meta.url));
}

/** Reads the weights that come with this package. Rejects with `ModelFileError`. */
export async function loadShippedModel(): Promise<BayesModel> {
  return await loadModel(shippedModelPath());
}
