import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

async function open(directory: string): Promise<void> {
  await chmod(directory, 0o700);
  const entries = await readdir(directory, { withFileTypes: true });
  // Links are not directories here, so nothing outside is touched.
  await Promise.all(entries.filter((entry) => entry.isDirectory()).map((entry) => open(join(directory, entry.name))));
}

/**
 * Removes a directory with everything in it, also where a program took its own permissions away. Only for
 * places where no program can be running any more: between the look and the removal a link could be planted.
 */
export async function removeTree(directory: string): Promise<void> {
  // A program may have put a link in its place: then the link goes, and what it points at stays.
  if ((await lstat(directory)).isDirectory()) await open(directory);
  await rm(directory, { recursive: true, force: true });
}
