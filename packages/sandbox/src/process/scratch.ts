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

const places = (): string[] => [...new Set([tmpdir(), "/var/tmp", "/tmp"])].filter(isReachableByAll);

/** A directory for one engine: named pipes, the filter, the sandbox's /etc. Programs never see it. */
export interface Scratch extends Disposable {
  readonly dir: string;
}

/** @throws Error when no temporary directory is usable. */
export function openScratch(): Scratch {
  const place = places()[0];
  if (place === undefined)
    throw new Error("no temporary directory that all users can reach (tried TMPDIR, /var/tmp, /tmp)");
  const dir = join(place, `${PREFIX}${instanceName()}`);
  mkdirSync(dir);
  // Past the umask: the sandbox is set up under a uid that may pass through, and see no more.
  chmodSync(dir, 0o711);
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Removes the directories of instances that no longer live. Returns what it removed. */
export function sweepScratch(): string[] {
  const removed: string[] = [];
  for (const place of places()) {
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
