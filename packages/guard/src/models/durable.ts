import { constants, type Dirent } from "node:fs";
import { open, readdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Waits until a file's bytes, or a folder's entries, are on the disk. */
export async function sync(path: string): Promise<void> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  await handle.sync();
}

/** Everything in a folder and below it, the folder last. */
export async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else await sync(path);
  }
  await sync(folder);
}

/** Renames in one file system, and waits until both folders know of it. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await sync(dirname(to));
  if (dirname(from) !== dirname(to)) await sync(dirname(from));
}

/** Replaces a small file: a reader sees the old text or the new one, also after a crash. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const next = `${path}.next`;
  await writeFile(next, text, { mode: 0o600 });
  await sync(next);
  await renameDurably(next, path);
}

/** Entries of a folder; none when it does not exist. */
export async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
