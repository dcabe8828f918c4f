import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";

/** Field 22 of /proc/PID/stat: together with the pid it names one process until the next boot. */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    return "0";
  }
}

/**
 * `p<pid>-<start time>-<pid namespace>-<random>`: marks what an engine of this process makes on the host, for
 * a later process to judge. The random part keeps the engines of one process apart.
 */
export function instanceName(): string {
  return `p${process.pid}-${startTime(process.pid) ?? "0"}-${pidNamespace()}-${randomBytes(4).toString("hex")}`;
}

/** True when the process that made something of this name is certainly gone. */
export function isAbandoned(name: string): boolean {
  const match = /^p(\d+)-(\d+)-(\d+)-[0-9a-f]+$/.exec(name);
  if (match === null || match[3] !== pidNamespace()) return false;
  return startTime(Number(match[1])) !== match[2];
}
