import { constants, copyFileSync, chmodSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { isReachableByAll } from "../process/scratch.ts";

/** Kept between starts: the binary has over 100 MB. */
const CACHE_DIR = "/var/cache/crucible";

/**
 * A path of this process's own Node that the sandbox's uid can reach. Usually the binary itself; a server
 * installed below a private directory (say, /root) gets a copy, made once per version.
 */
export function reachableNode(changesUid: boolean): string {
  const own = process.execPath;
  if (!changesUid || isReachableByAll(own)) return own;
  const { size, mtimeMs } = statSync(own);
  const copy = join(CACHE_DIR, `node-${process.versions.node}-${size}-${Math.floor(mtimeMs)}`);
  if (statSync(copy, { throwIfNoEntry: false })?.size === size && isReachableByAll(copy)) return copy;
  mkdirSync(CACHE_DIR, { recursive: true, mode: 0o755 });
  const partial = `${copy}.${process.pid}`;
  try {
    copyFileSync(own, partial, constants.COPYFILE_FICLONE);
    chmodSync(partial, 0o755);
    renameSync(partial, copy);
  } finally {
    rmSync(partial, { force: true });
  }
  return copy;
}
