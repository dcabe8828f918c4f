import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { ModelStoreError, printable } from "./errors.ts";
import { type ModelManifest, readManifest } from "./manifest.ts";
import { COMMIT, nameText, parseModelName } from "./names.ts";
import { currentCommit, modelsFolder, revisionFolder } from "./store.ts";
import { checkUndamaged } from "./verify.ts";

/** A model that can be loaded. */
export interface ResolvedModel {
  /** Absolute. */
  readonly folder: string;
  /** Null for a folder that no command of ours has installed. */
  readonly manifest: ModelManifest | null;
}

/**
 * Finds the folder of a model that a policy names: `ORG/NAME` or `ORG/NAME@COMMIT` for an installed one, or a folder,
 * which starts with `/`, `./` or `../` and is taken from `baseDir` (default: the working directory). Every byte of an
 * installed model is compared with its manifest (about a second per gigabyte): what is damaged is never loaded.
 *
 * @throws ModelStoreError `model_not_installed`, `model_damaged` or `model_invalid`.
 */
export async function resolveModel(
  name: string,
  dataDir: string,
  { baseDir = ".", signal }: { readonly baseDir?: string; readonly signal?: AbortSignal } = {},
): Promise<ResolvedModel> {
  if (/^(\/|\.\.?\/)/.test(name)) return await resolveFolder(resolve(baseDir, name));
  const [wanted = "", commit] = name.split("@");
  const model = parseModelName(wanted);
  if (commit !== undefined && !COMMIT.test(commit)) {
    throw new ModelStoreError(
      "model_invalid",
      `${JSON.stringify(printable(name))} does not end in a commit`,
      "give all 40 hexadecimal digits of an installed revision after @; see crucible models list",
    );
  }
  const modelsDir = resolve(modelsFolder(dataDir));
  const revision = commit ?? (await currentCommit(modelsDir, model));
  const folder = revision === null ? null : revisionFolder(modelsDir, model, revision);
  const manifest = folder === null ? null : await readManifest(folder);
  if (folder === null || manifest === null) {
    const pull = `crucible models pull ${nameText(model)}${commit === undefined ? "" : ` --revision ${commit}`}`;
    throw new ModelStoreError("model_not_installed", `${name} is not installed in ${modelsDir}`, pull);
  }
  if (manifest.name !== nameText(model) || manifest.revision !== revision) {
    throw new ModelStoreError(
      "model_damaged",
      `${folder} holds ${manifest.name} at ${manifest.revision}`,
      `remove ${nameText(model)} and install it again`,
    );
  }
  await checkUndamaged(folder, manifest, signal);
  return { folder, manifest };
}

async function resolveFolder(folder: string): Promise<ResolvedModel> {
  const found = await stat(folder).catch(() => null);
  if (found?.isDirectory() !== true) {
    throw new ModelStoreError("model_not_installed", `there is no folder ${folder}`, "name a folder with config.json");
  }
  const manifest = await readManifest(folder);
  if (manifest !== null) await checkUndamaged(folder, manifest);
  return { folder, manifest };
}
