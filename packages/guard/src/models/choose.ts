import { matchesGlob } from "node:path/posix";
import { ModelStoreError } from "./errors.ts";

/** Always taken: what a loader reads beside the weights, and what says under which terms. No `*` matches a `/`. */
const ALWAYS = [
  "config.json",
  "tokenizer*.json",
  "special_tokens_map.json",
  "added_tokens.json",
  // Ours: what a model that was made for the guard brings, such as its calibration.
  "crucible.json",
  "{LICENSE,LICENCE,License,license,NOTICE,USE_POLICY}*",
  "README.md",
];

/** The weights that are taken unless told otherwise: in full precision, with the parts that lie outside of the file. */
export const DEFAULT_WEIGHTS: readonly string[] = ["onnx/model.onnx", "onnx/model.onnx_*", "onnx/model.onnx.*"];

const MOST_FILES = 100;
/** Of one file, and of all: above it a model does not fit a guard, and a hub that says so may not be one. */
const MOST_FILE_BYTES = 16 * 1024 ** 3;
const MOST_BYTES = 32 * 1024 ** 3;

/**
 * The files that the guard needs, sorted by path.
 * @param include patterns (`*` within a folder, `**` across) that replace `DEFAULT_WEIGHTS`.
 * @throws ModelStoreError `model_incomplete` when something a loader needs is not among them.
 */
export function chooseFiles<File extends { readonly path: string; readonly sizeBytes: number }>(
  files: readonly File[],
  include: readonly string[],
): File[] {
  const weights = include.length === 0 ? DEFAULT_WEIGHTS : include;
  const chosen = files
    .filter(({ path }) => [...ALWAYS, ...weights].some((pattern) => matchesGlob(path, pattern)))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const missing = ["config.json", "tokenizer.json"].find((name) => !chosen.some(({ path }) => path === name));
  if (missing !== undefined) {
    throw new ModelStoreError(
      "model_incomplete",
      `the model has no ${missing}`,
      "the guard loads models with config.json, tokenizer.json and ONNX weights; choose one that has them",
    );
  }
  if (!chosen.some(({ path }) => path.endsWith(".onnx"))) {
    const others = files.flatMap(({ path }) => (path.endsWith(".onnx") ? [path] : []));
    throw new ModelStoreError(
      "model_incomplete",
      `the model has no ${weights.join(", ")}`,
      others.length === 0
        ? "it has no ONNX weights at all: choose a model that has, or convert it and use crucible models import"
        : `choose with --include one of: ${others.slice(0, 8).join(", ")}`,
    );
  }
  const total = chosen.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const tooMany = chosen.length > MOST_FILES;
  if (tooMany || total > MOST_BYTES || chosen.some(({ sizeBytes }) => sizeBytes > MOST_FILE_BYTES)) {
    throw new ModelStoreError(
      "model_invalid",
      tooMany ? `the patterns take ${chosen.length} files` : `the model has ${Math.ceil(total / 1e9)} GB`,
      `at most ${MOST_FILES} files of ${MOST_FILE_BYTES / 1024 ** 3} GiB, ${MOST_BYTES / 1024 ** 3} GiB in all, are taken`,
    );
  }
  return chosen;
}
