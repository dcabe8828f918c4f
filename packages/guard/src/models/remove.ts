import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { renameDurably, sync } from "./durable.ts";
import { ModelStoreError } from "./errors.ts";
import { lockModel } from "./lock.ts";
import { COMMIT, nameText, parseModelName } from "./names.ts";
import { clearStaging, currentCommit, listModels, modelsFolder, stagingFolder } from "./store.ts";

/**
 * Removes an installed model, or one revision of it, and what unfinished pulls have left. Gives the commits.
 * @throws ModelStoreError `model_not_installed`
 */
export async function removeModel(name: string, dataDir: string, commit?: string): Promise<string[]> {
  const model = parseModelName(name);
  const modelsDir = modelsFolder(dataDir);
  await using _lock = await lockModel(modelsDir, nameText(model));
  const there = (await listModels(modelsDir)).filter((installed) => installed.name === nameText(model));
  const gone = there.filter(({ revision }) => commit === undefined || revision === commit);
  await clearStaging(modelsDir, model);
  const [first] = gone;
  if (first === undefined) {
    const what = commit !== undefined && COMMIT.test(commit) && there.length > 0 ? `${name} at ${commit}` : name;
    throw new ModelStoreError("model_not_installed", `${what} is not installed`, "see crucible models list");
  }
  const parent = dirname(first.folder);
  const current = await currentCommit(modelsDir, model);
  // The name first: it never stands for something half removed.
  if (gone.some(({ revision }) => revision === current)) {
    await rm(join(parent, "current"), { force: true });
    await sync(parent);
  }
  for (const { folder, revision } of gone) {
    const grave = stagingFolder(modelsDir, model, revision);
    await mkdir(dirname(grave), { recursive: true, mode: 0o700 });
    await renameDurably(folder, grave);
    await rm(grave, { recursive: true, force: true });
  }
  if (gone.length === there.length) await rm(parent, { recursive: true, force: true });
  return gone.map(({ revision }) => revision);
}
