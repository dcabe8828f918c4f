import { rmdir } from "node:fs/promises";
import { closeSync, openSync, readFileSync, rmdirSync, write as writeFd, writeFileSync } from "node:fs";

/** Control files are tiny and in memory: synchronous access costs 10-50 µs, a thread-pool trip more. */
export function readNumber(path: string): number | null {
  try {
    const value = Number(readFileSync(path, "utf8"));
    return Number.isFinite(value) ? value : null;
  } catch {
    return null;
  }
}

/** A `key value` line of a flat-keyed control file. */
export function readKey(path: string, key: string): number | null {
  try {
    for (const line of readFileSync(path, "utf8").split("\n")) {
      if (line.startsWith(`${key} `)) return Number(line.slice(key.length + 1));
    }
  } catch {
    return null;
  }
  return null;
}

export function readPids(path: string): number[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

export function write(path: string, value: string | number): void {
  writeFileSync(path, String(value));
}

/** The write itself on a pool thread: moving a process waits for the kernel, at times for milliseconds. */
export function writeInBackground(path: string, value: string | number): Promise<void> {
  const fd = openSync(path, "w");
  return new Promise((resolve, reject) => {
    writeFd(fd, String(value), (error) => {
      closeSync(fd);
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** False when the control file does not exist here (say, no swap accounting) or refuses. */
export function tryWrite(path: string, value: string | number): boolean {
  try {
    write(path, value);
    return true;
  } catch {
    return false;
  }
}

/** True when the directory is gone. */
export function tryRmdir(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

/** The same on a pool thread. */
export async function rmdirInBackground(path: string): Promise<boolean> {
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}
