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

/** A directory for one engine of this process: named pipes, the filter, the sandbox's /etc. Programs never see it. */
export interface Scratch extends Disposable {
  readonly dir: string;
}

/** @throws Error when no temporary directory is usable. */
export function openScratch(engine: string): Scratch {
  const place = places()[0];
  if (place === undefined)
    throw new Error("no temporary directory that all users can reach (tried TMPDIR, /var/tmp, /tmp)");
  const parent = join(place, `${PREFIX}${instanceName()}`);
  let dir: string;
  for (let number = 0; ; number += 1) {
    dir = join(parent, `${engine}-${number}`);
    try {
      mkdirSync(parent, { recursive: true, mode: 0o711 });
      chmodSync(parent, 0o711);
      mkdirSync(dir, { mode: 0o711 });
      chmodSync(dir, 0o711);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  return {
    dir,
    [Symbol.dispose]: () => {
      rmSync(dir, { recursive: true, force: true });
      if (isEmpty(parent)) rmSync(parent, { recursive: true, force: true });
    },
  };
}

function isEmpty(dir: string): boolean {
  try {
    return readdirSync(dir).length === 0;
  } catch {
    return false;
  }
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
