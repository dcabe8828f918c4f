import { chmodSync, lstatSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { instanceName, isAbandoned } from "./instance.ts";

const PREFIX = "crucible-sandbox-";

/** True when any user can reach `path`: a sandbox is set up under a uid that owns nothing. */
export function isReachableByAll(path: string): boolean {
  try {
    if ((statSync(path).mode & 0o005) !== 0o005) return false;
    for (let dir = dirname(path); ; dir = dirname(dir)) {
      if ((statSync(dir).mode & 0o001) === 0) return false;
      if (dir === dirname(dir)) return true;
    }
  } catch {
    return false;
  }
}

/** Root's own place first: temporary directories are aged, and an idle server would lose its files there. */
const ROOT_PLACE = "/var/lib/crucible";

/** Where scratch directories may be, best first: not all of them allow programs to be started (`noexec`). */
export function scratchPlaces(): string[] {
  const shared = [...new Set([tmpdir(), "/var/tmp", "/tmp"])];
  if (process.getuid?.() !== 0) return shared.filter(isReachableByAll);
  try {
    mkdirSync(ROOT_PLACE, { recursive: true, mode: 0o755 });
  } catch {
    // A read-only system: the temporary directories are left.
  }
  return [ROOT_PLACE, ...shared].filter(isReachableByAll);
}

/** A directory for one engine: named pipes, the filter, the sandbox's /etc. Programs never see it. */
export interface Scratch extends Disposable {
  readonly dir: string;
}

/** Makes a directory of this engine's own below `place`. */
export function openScratch(place: string): Scratch {
  const dir = join(place, `${PREFIX}${instanceName()}`);
  mkdirSync(dir);
  // Past the umask: the sandbox is set up under a uid that may pass through, and see no more.
  chmodSync(dir, 0o711);
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Removes the directories of instances that no longer live. Returns what it removed. */
export function sweepScratch(): string[] {
  const removed: string[] = [];
  for (const place of scratchPlaces()) {
    for (const name of readdirSync(place)) {
      if (!name.startsWith(PREFIX) || !isAbandoned(name.slice(PREFIX.length))) continue;
      const path = join(place, name);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      // A temporary directory belongs to everybody: only what is ours and really a directory is removed.
      if (stat?.isDirectory() !== true || stat.uid !== process.getuid?.()) continue;
      rmSync(path, { recursive: true, force: true });
      removed.push(path);
    }
  }
  return removed;
}
