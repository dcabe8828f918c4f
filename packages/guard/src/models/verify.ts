import { join } from "node:path";
import { entriesOf } from "./durable.ts";
import { ModelStoreError } from "./errors.ts";
import { digestFile } from "./hash.ts";
import type { ModelManifest } from "./manifest.ts";
import { MANIFEST_FILE } from "./names.ts";

/** What is wrong with one file of an installed model. */
export interface Damage {
  readonly path: string;
  readonly what: "missing" | "changed" | "not in the manifest" | "not a plain file";
}

/** Compares a folder with its manifest, every byte. Empty when all is as it should be. */
export async function findDamage(folder: string, manifest: ModelManifest, signal?: AbortSignal): Promise<Damage[]> {
  const expected = new Map(manifest.files.map((file) => [file.path, file]));
  const damage: Damage[] = [];
  for (const { path, isFile } of await filesIn(folder)) {
    const file = expected.get(path);
    expected.delete(path);
    if (path === MANIFEST_FILE && isFile) continue;
    if (!isFile) damage.push({ path, what: "not a plain file" });
    else if (file === undefined) damage.push({ path, what: "not in the manifest" });
    else {
      const { sizeBytes, sha256 } = await digestFile(join(folder, path), signal);
      if (sizeBytes !== file.sizeBytes || sha256 !== file.sha256) damage.push({ path, what: "changed" });
    }
  }
  for (const path of expected.keys()) damage.push({ path, what: "missing" });
  return damage;
}

/** Everything below a folder that is not a folder, sorted by path. Symbolic links are named, not followed. */
export async function filesIn(folder: string): Promise<{ path: string; isFile: boolean }[]> {
  const found: { path: string; isFile: boolean }[] = [];
  const look = async (relative: string, depth: number): Promise<void> => {
    for (const entry of await entriesOf(join(folder, relative))) {
      const path = relative === "" ? entry.name : `${relative}/${entry.name}`;
      if (entry.isDirectory() && depth < 8) await look(path, depth + 1);
      else found.push({ path, isFile: entry.isFile() });
    }
  };
  await look("", 0);
  return found.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** @throws ModelStoreError `model_damaged` that names the first files. */
export async function checkUndamaged(folder: string, manifest: ModelManifest, signal?: AbortSignal): Promise<void> {
  const damage = await findDamage(folder, manifest, signal);
  if (damage.length === 0) return;
  const some = damage.slice(0, 3).map(({ path, what }) => `${JSON.stringify(path)} is ${what}`);
  if (damage.length > 3) some.push(`${damage.length - 3} more`);
  throw new ModelStoreError(
    "model_damaged",
    `${folder} is damaged: ${some.join(", ")}`,
    `remove ${manifest.name} and install it again`,
  );
}
