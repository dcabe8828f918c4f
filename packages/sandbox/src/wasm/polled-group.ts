import { readFile } from "node:fs/promises";
import { runTool } from "../process/spawn.ts";
import type { RunGroup } from "../cgroup/types.ts";

/** What one process uses. */
export interface ProcessUsage {
  readonly residentBytes: number;
  readonly cpuMs: number;
}

/** proc(5): both are fixed for user space on every Linux platform that Node runs on. */
const TICK_MS = 10;
const LINUX_POLL_MS = 20;
/** Starting `ps` costs some milliseconds. */
const PS_POLL_MS = 200;

/** By /proc; null when the process has gone. */
export async function usageFromProc(pid: number): Promise<ProcessUsage | null> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile(`/proc/${pid}/status`, "utf8"),
    ]);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const cpuMs = (Number(fields[11]) + Number(fields[12])) * TICK_MS;
    return { residentBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024, cpuMs };
  } catch {
    return null;
  }
}

/** `[[DD-]HH:]MM:SS[.CC]`, as Linux and macOS print it, in milliseconds. */
function clockMs(text: string): number {
  const [clock = "", days] = text.split("-").toReversed();
  const seconds = clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  return (seconds + Number(days ?? 0) * 86_400) * 1000;
}

/** By ps(1) as POSIX has it, for systems without /proc; null when the process has gone. */
export async function usageFromPs(pid: number): Promise<ProcessUsage | null> {
  const { ok, stdout } = await runTool("ps", ["-o", "rss=,time=", "-p", `${pid}`], 5_000);
  const [rss, time] = stdout.trim().split(/\s+/);
  return ok && rss !== undefined && time !== undefined
    ? { residentBytes: Number(rss) * 1024, cpuMs: clockMs(time) }
    : null;
}

/**
 * Stands in for a control group where there is none: looks at the one process that the engine has, and ends it
 * when it holds too much. A look every 20 ms (200 ms without /proc) lets short peaks through. Processes and cores
 * are not limited: the program cannot start any, and V8's threads are few.
 */
export function createPolledGroup(
  pid: number,
  kill: () => void,
  read: (pid: number) => Promise<ProcessUsage | null> = process.platform === "linux" ? usageFromProc : usageFromPs,
): RunGroup {
  let memoryBytes = Infinity;
  let last: ProcessUsage = { residentBytes: 0, cpuMs: 0 };
  let peak = 0;
  let oomKills = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const usage = await read(pid);
    if (stopped || usage === null) return;
    last = usage;
    peak = Math.max(peak, usage.residentBytes);
    if (usage.residentBytes > memoryBytes && oomKills === 0) {
      oomKills = 1;
      kill();
      return;
    }
    timer = setTimeout(() => void look(), read === usageFromProc ? LINUX_POLL_MS : PS_POLL_MS);
  };
  void look();
  return {
    add: () => Promise.resolve(),
    limit: (limits) => {
      memoryBytes = limits.memoryBytes;
    },
    usage: () => ({ cpuMs: last.cpuMs, peakMemoryBytes: peak, oomKills, refusedForks: 0 }),
    cpuMs: () => last.cpuMs,
    tmpfsBytes: () => null,
    resetPeak: () => {
      peak = last.residentBytes;
    },
    kill,
    pids: () => [pid],
    destroy: () => {
      stopped = true;
      clearTimeout(timer);
      kill();
      return Promise.resolve();
    },
  };
}
