import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { chooseFiles } from "./choose.ts";
import { sync, syncTree } from "./durable.ts";
import { ModelStoreError } from "./errors.ts";
import { type Digests, digestFile, GIT_MAX_BYTES } from "./hash.ts";
import { describeRevision, type HubFile, type HubRevision, listFiles } from "./hub/describe.ts";
import { download } from "./hub/download.ts";
import type { Hub } from "./hub/hub.ts";
import { lockModel } from "./lock.ts";
import { manifestText, type InstalledFile, type ModelManifest, readManifest } from "./manifest.ts";
import { checkRevision, COMMIT, MANIFEST_FILE, type ModelName, nameText, parseModelName } from "./names.ts";
import { checkSpace, clearStaging, install, modelsFolder, revisionFolder, setCurrent, stagingFolder } from "./store.ts";
import { checkUndamaged } from "./verify.ts";

/** How far a pull is. The last four are told after the thing was done. */
export type PullEvent =
  | { readonly type: "found"; readonly revision: HubRevision; readonly movedTo: string | null }
  | { readonly type: "chosen"; readonly files: number; readonly bytes: number }
  | { readonly type: "bytes"; readonly path: string; readonly received: number; readonly of: number }
  /** One file is complete, and its digest right. */
  | { readonly type: "fetched"; readonly path: string }
  /** All files are complete, and on the disk. */
  | { readonly type: "staged" }
  | { readonly type: "installed" }
  | { readonly type: "current" };

/** What to pull, and where to. */
export interface PullOptions {
  /** `ORG/NAME` */
  readonly name: string;
  /** A branch, a tag or a commit. Default `main`. */
  readonly revision?: string;
  /** Patterns of the weights to take in place of `DEFAULT_WEIGHTS`. */
  readonly include?: readonly string[];
  readonly dataDir: string;
  readonly hub: Hub;
  readonly signal: AbortSignal;
  readonly onEvent?: (event: PullEvent) => void;
}

/** A model that is installed now. */
export interface Pulled {
  readonly folder: string;
  readonly manifest: ModelManifest;
  /** False when it had been before. */
  readonly fetched: boolean;
}

/**
 * Fetches a model from a hub and installs it: first beside the store, file by file, each checked against the digest
 * that the hub gave for it; then, when all are on the disk, with one rename. Whatever ends it, the store is as before,
 * and what was fetched is gone on with next time.
 *
 * @throws ModelStoreError
 */
export async function pullModel(options: PullOptions): Promise<Pulled> {
  const { dataDir, signal } = options;
  const model = parseModelName(options.name);
  const revision = checkRevision(options.revision ?? "main");
  const modelsDir = modelsFolder(dataDir);
  await using _lock = await lockModel(modelsDir, nameText(model));
  try {
    return await pull(options, modelsDir, model, revision);
  } catch (error) {
    if (!signal.aborted || error instanceof ModelStoreError) throw error;
    throw new ModelStoreError("cancelled", "stopped", "run the command again: it goes on where it stopped", error);
  }
}

async function pull(options: PullOptions, modelsDir: string, model: ModelName, revision: string): Promise<Pulled> {
  const { hub, signal, include = [], onEvent = () => {} } = options;
  // A commit cannot change: one that is installed needs no hub.
  if (COMMIT.test(revision)) {
    const there = await useInstalled(modelsDir, model, revision, include, signal);
    if (there !== null) return there;
  }
  const found = await describeRevision(hub, model, revision, signal);
  const { commit, repository } = found;
  const movedTo = nameText(repository) === nameText(model) ? null : nameText(repository);
  onEvent({ type: "found", revision: found, movedTo });
  const there = await useInstalled(modelsDir, model, commit, include, signal);
  if (there !== null) return there;

  const wanted = chooseFiles(await listFiles(hub, repository, commit, signal), include);
  onEvent({ type: "chosen", files: wanted.length, bytes: wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) });
  const staging = stagingFolder(modelsDir, model, commit);
  const files = await fetchAll(wanted, { ...options, modelsDir, staging, repository, commit, onEvent });
  const manifest: ModelManifest = {
    version: 1,
    name: nameText(model),
    revision: commit,
    requested: revision,
    source: { kind: "hub", endpoint: hub.endpoint.origin, repository: nameText(repository) },
    licence: found.licence,
    installedAt: new Date().toISOString(),
    files,
  };
  const folder = await installStaged(modelsDir, model, join(staging, "files"), manifest, onEvent);
  return { folder, manifest, fetched: true };
}

/** Writes the manifest beside the files and makes them the installed model. */
export async function installStaged(
  modelsDir: string,
  model: ModelName,
  staged: string,
  manifest: ModelManifest,
  onEvent: (event: PullEvent) => void = () => {},
): Promise<string> {
  await writeFile(join(staged, MANIFEST_FILE), manifestText(manifest), { mode: 0o600 });
  await syncTree(staged);
  onEvent({ type: "staged" });
  await install(modelsDir, model, manifest.revision, staged);
  onEvent({ type: "installed" });
  await setCurrent(modelsDir, model, manifest.revision);
  onEvent({ type: "current" });
  await clearStaging(modelsDir, model);
  return revisionFolder(modelsDir, model, manifest.revision);
}

/** Null when this commit is not there. @throws ModelStoreError when it is, but damaged or with other files. */
async function useInstalled(
  modelsDir: string,
  model: ModelName,
  commit: string,
  include: readonly string[],
  signal: AbortSignal,
): Promise<Pulled | null> {
  const folder = revisionFolder(modelsDir, model, commit);
  const manifest = await readManifest(folder);
  if (manifest === null) return null;
  await checkUndamaged(folder, manifest, signal);
  try {
    chooseFiles(manifest.files, include);
  } catch (cause) {
    const fix = `crucible models remove ${nameText(model)}, then pull it with --include for each pattern`;
    throw new ModelStoreError("model_incomplete", "this revision is installed with other files", fix, cause);
  }
  await setCurrent(modelsDir, model, commit);
  return { folder, manifest, fetched: false };
}

interface Fetch extends PullOptions {
  readonly modelsDir: string;
  readonly staging: string;
  readonly repository: ModelName;
  readonly commit: string;
  readonly onEvent: (event: PullEvent) => void;
}

async function fetchAll(wanted: readonly HubFile[], fetch: Fetch): Promise<InstalledFile[]> {
  const { modelsDir, staging, signal } = fetch;
  const parts = join(staging, "parts");
  await mkdir(parts, { recursive: true, mode: 0o700 });
  const done = new Map<string, Digests>();
  for (const file of wanted) {
    const digests = await digestFile(join(staging, "files", file.path), signal).catch(() => null);
    if (digests !== null && isRight(digests, file)) done.set(file.path, digests);
  }
  const missing = wanted.filter(({ path }) => !done.has(path));
  await checkSpace(
    modelsDir,
    missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  );
  for (const [index, file] of wanted.entries()) {
    const digests = done.get(file.path) ?? (await fetchOne(file, join(parts, String(index)), fetch));
    done.set(file.path, digests);
    fetch.onEvent({ type: "fetched", path: file.path });
  }
  return wanted.map(({ path }) => {
    const { sizeBytes = 0, sha256 = "" } = done.get(path) ?? {};
    return { path, sizeBytes, sha256 };
  });
}

/** Fetches one file into its place. What was resumed and is wrong may be of two files: then once more from the start. */
async function fetchOne(
  file: HubFile,
  partPath: string,
  { hub, staging, repository, commit, signal, onEvent }: Fetch,
): Promise<Digests> {
  const { path, sizeBytes } = file;
  for (let tries = 1; ; tries++) {
    const onBytes = (received: number): void => onEvent({ type: "bytes", path, received, of: sizeBytes });
    const { resumed } = await download(hub, { repository, commit, file, partPath, signal, onBytes });
    const digests = await digestFile(partPath, signal);
    if (isRight(digests, file)) {
      await sync(partPath);
      const place = join(staging, "files", path);
      await mkdir(dirname(place), { recursive: true, mode: 0o700 });
      await rename(partPath, place);
      return digests;
    }
    await Promise.all([partPath, `${partPath}.etag`].map(async (name) => await rm(name, { force: true })));
    if (resumed && tries === 1) continue;
    throw new ModelStoreError(
      "hash_mismatch",
      `${path} is not what the hub announced: its ${file.hash.kind} is ${file.hash.kind === "sha256" ? digests.sha256 : digests.gitSha1}, not ${file.hash.hex}`,
      "run the command again; if it happens again, do not use this hub",
    );
  }
}

function isRight({ sizeBytes, sha256, gitSha1 }: Digests, file: HubFile): boolean {
  if (sizeBytes !== file.sizeBytes) return false;
  if (file.hash.kind === "sha256") return sha256 === file.hash.hex;
  return sizeBytes <= GIT_MAX_BYTES && gitSha1 === file.hash.hex;
}
