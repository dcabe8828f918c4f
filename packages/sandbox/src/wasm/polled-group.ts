import { readFile } from "node:fs/promises";
import { runTool } from "../process/spawn.ts";
import type { RunGroup } from "../cgroup/types.ts";

/** What one process uses. */
export interface ProcessUsage {
  /** In memory and swapped out. */
  readonly residentBytes: number;
  /** Of these, pages of files, which no control group counts twice: the runtime's own code, shared by its processes. */
  readonly fileBytes: number;
  /** The kernel's own peak since the process began; null where there is none to be read. */
  readonly peakBytes: number | null;
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
    const bytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024;
    return {
      residentBytes: bytes("VmRSS") + bytes("VmSwap"),
      fileBytes: bytes("RssFile"),
      peakBytes: bytes("VmHWM"),
      cpuMs,
    };
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
    ? { residentBytes: Number(rss) * 1024, fileBytes: 0, peakBytes: null, cpuMs: clockMs(time) }
    : null;
}

/** How a process is looked at. */
export interface UsageReader {
  read(pid: number): Promise<ProcessUsage | null>;
  /** Between two looks. */
  readonly pollMs: number;
}

/** Only Linux has /proc; `ps` is everywhere else. */
export function usageReader(platform: NodeJS.Platform): UsageReader {
  return platform === "linux"
    ? { read: usageFromProc, pollMs: LINUX_POLL_MS }
    : { read: usageFromPs, pollMs: PS_POLL_MS };
}

/**
 * Stands in for a control group where there is none: looks at the one process that the engine has, and ends it
 * when it holds too much. A look every 20 ms (200 ms without /proc) lets short peaks through the limit; the peak that
 * is told is the kernel's own where it has one. Processes and cores are not limited: the program cannot start any,
 * and V8's threads are few.
 */
export function createPolledGroup(pid: number, kill: () => void, { read, pollMs }: UsageReader): RunGroup {
  let memoryBytes = Infinity;
  let last: ProcessUsage = { residentBytes: 0, fileBytes: 0, peakBytes: null, cpuMs: 0 };
  let peak = 0;
  /** The kernel's peak when ours began: only what lies above it is since then. */
  let peakBefore = 0;
  let oomKills = 0;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const usage = await read(pid);
    if (stopped || usage === null) return;
    last = usage;
    peak = Math.max(peak, usage.residentBytes, (usage.peakBytes ?? 0) > peakBefore ? (usage.peakBytes ?? 0) : 0);
    if (usage.residentBytes > memoryBytes && oomKills === 0) {
      oomKills = 1;
      kill();
      return;
    }
    timer = setTimeout(() => void look(), pollMs);
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
      peakBefore = last.peakBytes ?? 0;
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
