import { lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** As many links as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * Where `path` is on the host when `root` is the root directory: links are followed as inside, and never lead out.
 * Null when it leads nowhere. For roots in which no program can change anything.
 */
export function insideRoot(root: string, path: string): string | null {
  let names = path.split("/");
  const found: string[] = [];
  let links = 0;
  while (names.length > 0) {
    const [name = "", ...rest] = names;
    names = rest;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      found.pop();
      continue;
    }
    const stat = lstatSync(join(root, ...found, name), { throwIfNoEntry: false });
    if (stat === undefined) return null;
    if (!stat.isSymbolicLink()) {
      found.push(name);
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) return null;
    const target = readlinkSync(join(root, ...found, name));
    if (target.startsWith("/")) found.length = 0;
    names = [...target.split("/"), ...rest];
  }
  return join(root, ...found);
}
