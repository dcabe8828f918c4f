/** Finding a run's processes from the host, by a word that only they carry. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";

/** A process as the host sees it. */
export interface HostProcess {
  readonly pid: number;
  readonly command: string;
  /** Real user id in the host's user namespace. */
  readonly uid: number;
}

/** A word that occurs nowhere else on this host. */
export function newMarker(): string {
  return `crucible-mark-${randomBytes(9).toString("hex")}`;
}

/** The marker in two halves, for programs that look for it and must not find themselves. */
export function halves(marker: string): [string, string] {
  const middle = Math.ceil(marker.length / 2);
  return [marker.slice(0, middle), marker.slice(middle)];
}

async function readOrEmpty(path: string): Promise<string> {
  // Processes come and go while the list is read, and some belong to somebody else.
  return readFile(path, "latin1").catch(() => "");
}

/** All living processes, but this one, with the marker in their arguments or environment. */
export async function findMarked(marker: string): Promise<HostProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found = await Promise.all(
    pids.map(async (pid): Promise<HostProcess[]> => {
      const command = await readOrEmpty(`/proc/${pid}/cmdline`);
      const marked = command.includes(marker) || (await readOrEmpty(`/proc/${pid}/environ`)).includes(marker);
      if (!marked) return [];
      const uid = /^Uid:\s+(\d+)/m.exec(await readOrEmpty(`/proc/${pid}/status`))?.[1];
      if (uid === undefined) return [];
      return [{ pid: Number(pid), command: command.replaceAll("\0", " ").trim(), uid: Number(uid) }];
    }),
  );
  return found.flat();
}

/** A living process of the host, outside every sandbox. */
export interface MarkedProcess extends AsyncDisposable {
  readonly pid: number;
}

/** Starts a process that has the marker in its arguments and environment, until disposed. */
export async function startMarked(marker: string): Promise<MarkedProcess> {
  // `read` waits for a line; closing the pipe is what ends it, also if this process dies.
  const child = spawn("/bin/sh", ["-c", "echo up; read line", marker], {
    env: { CRUCIBLE_CONTRACT_MARK: marker },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.stdout.once("data", () => resolve());
  });
  return {
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}
