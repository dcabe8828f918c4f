import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { instanceName, isAbandoned } from "../../process/instance.ts";
import { ImageError, readImageLayout, readLayer } from "./layout.ts";
import { unpackLayer } from "./unpack.ts";

/** In front of the maker's name, for a later process to judge what a killed one has left. */
const PARTIAL = "partial-";

/** A directory of our own that nobody else can have prepared: programs of other users may read there, not write. */
function ownDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const stat = lstatSync(path);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o022) !== 0) {
    throw new ImageError(`${path} belongs to somebody else, or others can write to it`);
  }
}

const isDirectory = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/**
 * The image of a layout as a directory, unpacked once per content below `place`.
 * @throws ImageError or TarError for an image that is not what it says, or not safe to unpack; nothing of it remains.
 */
export async function unpackedImage(layout: string, place: string): Promise<string> {
  const images = join(place, "crucible-images");
  ownDirectory(images);
  for (const name of await readdir(images)) {
    if (isAbandoned(name.replace(PARTIAL, ""))) await rm(join(images, name), { recursive: true, force: true });
  }
  const { digest, layers } = readImageLayout(layout);
  const dir = join(images, digest.replace(":", "-"));
  if (isDirectory(dir)) return dir;
  const partial = join(images, `${PARTIAL}${instanceName()}`);
  mkdirSync(partial);
  chmodSync(partial, 0o755);
  try {
    for (const layer of layers) await unpackLayer(readLayer(layout, layer), partial);
    await rename(partial, dir);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another process may have been quicker.
    if (!isDirectory(dir)) throw error;
  }
  return dir;
}
