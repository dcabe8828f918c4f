import { mkdir, readFile, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { entriesOf, renameDurably, replaceFile, sync } from "./durable.ts";
import { ModelStoreError } from "./errors.ts";
import { type ModelManifest, readManifest } from "./manifest.ts";
import { COMMIT, type ModelName, nameText } from "./names.ts";

/**
 * The folders of a store:
 *
 *     models/ORG/NAME/COMMIT/        the model, with crucible-model.json; never changed once it is there
 *     models/ORG/NAME/current        the commit that the name stands for
 *     models/.staging/ORG@NAME@COMMIT/files, parts
 */
export const modelsFolder = (dataDir: string): string => join(dataDir, "models");

const modelFolder = (modelsDir: string, { org, name }: ModelName): string => join(modelsDir, org, name);

/** Where this revision of a model is, or would be. */
export const revisionFolder = (modelsDir: string, model: ModelName, commit: string): string =>
  join(modelFolder(modelsDir, model), commit);

/** Where files lie until all of them are there. In the same file system, so that a rename installs them. */
export const stagingFolder = (modelsDir: string, { org, name }: ModelName, commit: string): string =>
  join(modelsDir, ".staging", `${org}@${name}@${commit}`);

/** The commit that a name stands for; null when the model is not installed. */
export async function currentCommit(modelsDir: string, model: ModelName): Promise<string | null> {
  try {
    const text = (await readFile(join(modelFolder(modelsDir, model), "current"), "utf8")).trim();
    return COMMIT.test(text) ? text : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Lets the name stand for this installed commit from now on. */
export async function setCurrent(modelsDir: string, model: ModelName, commit: string): Promise<void> {
  if ((await currentCommit(modelsDir, model)) === commit) return;
  await replaceFile(join(modelFolder(modelsDir, model), "current"), `${commit}\n`);
}

/** Makes a staged folder the installed one, in one rename; then the name stands for it. */
export async function install(modelsDir: string, model: ModelName, commit: string, files: string): Promise<void> {
  const target = revisionFolder(modelsDir, model, commit);
  const parent = dirname(target);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  for (const folder of [dirname(parent), modelsDir]) await sync(folder);
  await renameDurably(files, target);
}

/** Removes what unfinished pulls and imports of a model have left. */
export async function clearStaging(modelsDir: string, { org, name }: ModelName): Promise<void> {
  const staging = join(modelsDir, ".staging");
  for (const entry of await entriesOf(staging)) {
    if (entry.name.startsWith(`${org}@${name}@`)) await rm(join(staging, entry.name), { recursive: true, force: true });
  }
}

/** One revision that lies in a store. */
export interface InstalledRevision {
  readonly name: string;
  readonly revision: string;
  readonly folder: string;
  /** Whether the name alone stands for it. */
  readonly current: boolean;
  /** Null when the manifest is missing or no manifest. */
  readonly manifest: ModelManifest | null;
}

/** All revisions of all models, sorted by name and commit. */
export async function listModels(modelsDir: string): Promise<InstalledRevision[]> {
  const found: InstalledRevision[] = [];
  const below = async (folder: string): Promise<string[]> => {
    const entries = await entriesOf(folder);
    return entries
      .flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith(".") ? [entry.name] : []))
      .toSorted();
  };
  for (const org of await below(modelsDir)) {
    for (const name of await below(join(modelsDir, org))) {
      const current = await currentCommit(modelsDir, { org, name });
      for (const revision of (await below(join(modelsDir, org, name))).filter((text) => COMMIT.test(text))) {
        const folder = revisionFolder(modelsDir, { org, name }, revision);
        const manifest = await readManifest(folder).catch((error: unknown) => {
          if (error instanceof ModelStoreError) return null;
          throw error;
        });
        found.push({ name: nameText({ org, name }), revision, folder, current: revision === current, manifest });
      }
    }
  }
  return found;
}

/** Left free beside what is written, for whatever else uses the disk. */
const SPARE_BYTES = 64 * 1024 * 1024;

/** @throws ModelStoreError `disk_full` when so many bytes do not fit beside what is there. */
export async function checkSpace(modelsDir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(modelsDir);
  const free = bavail * bsize;
  if (free >= bytes + SPARE_BYTES) return;
  const mb = (count: number): string => `${Math.ceil(count / 1e6)} MB`;
  throw new ModelStoreError(
    "disk_full",
    `${mb(bytes)} do not fit: ${mb(free)} are free where ${modelsDir} is`,
    "free some space, or set CRUCIBLE_DATA_DIR to another disk",
  );
}
