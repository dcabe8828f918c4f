import { constants } from "node:fs";
import { mkdir, open, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { chooseFiles } from "./choose.ts";
import { ModelStoreError, printable } from "./errors.ts";
import { digestFile } from "./hash.ts";
import { lockModel } from "./lock.ts";
import { contentRevision, type InstalledFile, type ModelManifest, readManifest } from "./manifest.ts";
import { checkRevision, COMMIT, isPlainPath, MANIFEST_FILE, nameText, parseModelName } from "./names.ts";
import { installStaged, type Pulled } from "./pull.ts";
import { readBeginning } from "./small-file.ts";
import { checkSpace, modelsFolder, revisionFolder, setCurrent, stagingFolder } from "./store.ts";
import { checkUndamaged, filesIn } from "./verify.ts";

/** What to import. */
export interface ImportOptions {
  /** An installed model of another machine, with its manifest; or any folder with the files of a model. */
  readonly folder: string;
  /** `ORG/NAME`; needed where there is no manifest, else the same as in it. */
  readonly name?: string;
  /** The commit that the files are of; default: the manifest's, else a digest over them. */
  readonly revision?: string;
  readonly licence?: string;
  /** As for a pull. */
  readonly include?: readonly string[];
  readonly dataDir: string;
  readonly signal: AbortSignal;
}

/**
 * Copies a model from a folder into the store, without a network. With a manifest every file must be as it says;
 * without one it is made now. Symbolic links are refused: they may lead anywhere.
 *
 * @throws ModelStoreError
 */
export async function importModel(options: ImportOptions): Promise<Pulled> {
  const { folder, dataDir, signal, include = [] } = options;
  const given = await readManifest(await checkFolder(folder));
  const name = options.name ?? given?.name;
  if (name === undefined) {
    throw new ModelStoreError(
      "model_invalid",
      `${folder} has no ${MANIFEST_FILE}, so nothing says which model it is`,
      "name it with --name ORG/NAME",
    );
  }
  const model = parseModelName(name);
  if (given !== null) await checkUndamaged(folder, given, signal);
  if (given !== null && given.name !== name) {
    throw new ModelStoreError("model_invalid", `${folder} holds ${given.name}, not ${name}`, "leave --name out");
  }
  const files = given?.files ?? (await describe(folder, include, signal));
  const wanted = options.revision === undefined ? null : checkRevision(options.revision);
  if (wanted !== null && !COMMIT.test(wanted)) {
    throw new ModelStoreError("model_invalid", `${wanted} is no commit`, "give its 40 hexadecimal digits");
  }
  const revision = given?.revision ?? wanted ?? contentRevision(files);
  if (wanted !== null && wanted !== revision) {
    throw new ModelStoreError("model_invalid", `${folder} holds revision ${revision}`, "leave --revision out");
  }
  const licence = options.licence ?? given?.licence ?? (await licenceIn(folder));
  const manifest: ModelManifest = {
    version: 1,
    name,
    revision,
    requested: given?.requested ?? revision,
    source: given?.source ?? { kind: "import" },
    licence: licence === null ? null : printable(licence, 100),
    installedAt: new Date().toISOString(),
    files,
  };

  const modelsDir = modelsFolder(dataDir);
  await using _lock = await lockModel(modelsDir, nameText(model));
  const target = revisionFolder(modelsDir, model, revision);
  const there = await readManifest(target);
  if (there !== null) {
    await checkUndamaged(target, there, signal);
    if (JSON.stringify(there.files) !== JSON.stringify(files)) {
      const fix = `crucible models remove ${name}, then import it again`;
      throw new ModelStoreError("model_incomplete", `${name} is installed with other files`, fix);
    }
    await setCurrent(modelsDir, model, revision);
    return { folder: target, manifest: there, fetched: false };
  }
  await checkSpace(
    modelsDir,
    files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
  const staged = join(stagingFolder(modelsDir, model, revision), "files");
  await rm(staged, { recursive: true, force: true });
  for (const file of files) await copy(join(folder, file.path), join(staged, file.path), file, signal);
  await installStaged(modelsDir, model, staged, manifest);
  return { folder: target, manifest, fetched: true };
}

async function checkFolder(folder: string): Promise<string> {
  if ((await stat(folder).catch(() => null))?.isDirectory() === true) return folder;
  throw new ModelStoreError("model_invalid", `there is no folder ${folder}`, "name the folder that holds config.json");
}

async function describe(folder: string, include: readonly string[], signal: AbortSignal): Promise<InstalledFile[]> {
  const all = (await filesIn(folder)).filter(({ path }) => isPlainPath(path));
  const chosen = chooseFiles(
    all.map((file) => ({ ...file, sizeBytes: 0 })),
    include,
  );
  const files: InstalledFile[] = [];
  for (const { path, isFile } of chosen) {
    if (!isFile) {
      throw new ModelStoreError(
        "model_invalid",
        `${path} is a link`,
        "import a copy without links: cp -rL FOLDER COPY",
      );
    }
    const { sizeBytes, sha256 } = await digestFile(join(folder, path), signal);
    files.push({ path, sizeBytes, sha256 });
  }
  return files;
}

/** The copy is digested, not the original: that may change, or grow, while it is read. */
async function copy(from: string, to: string, file: InstalledFile, signal: AbortSignal): Promise<void> {
  const { path, sizeBytes, sha256 } = file;
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const target = await open(to, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  // `end` is the last byte that is read: one more than there were, so that a longer file is another one.
  await pipeline(source.createReadStream({ end: sizeBytes }), target.createWriteStream(), { signal });
  if ((await digestFile(to, signal)).sha256 === sha256) return;
  throw new ModelStoreError("hash_mismatch", `${path} changed while it was copied`, "import it again");
}

/** Of a model's card: its front matter is at the beginning. */
const CARD_BYTES = 65_536;

/** From the front matter of the model's card, as hubs read it. */
async function licenceIn(folder: string): Promise<string | null> {
  const card = await readBeginning(join(folder, "README.md"), CARD_BYTES).catch(() => null);
  const front = /^---\n([\s\S]*?)\n---/.exec(card?.toString("utf8") ?? "")?.[1] ?? "";
  return /^license:[ \t]*["']?([\w.+-]{1,64})/m.exec(front)?.[1] ?? null;
}
