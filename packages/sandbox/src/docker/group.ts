import type { GroupUsage, RunGroup } from "../cgroup/types.ts";
import type { DockerApi } from "./api.ts";
import type { ContainerBounds } from "./bounds.ts";

/** Between two looks at what a container uses; one look takes the daemon some milliseconds. */
const POLL_MS = 250;

/** The control group of a container, which only its daemon can reach. */
export interface ContainerGroup extends RunGroup {
  /** A line of the launcher's that starts with `usage`: what the container's own counters say. */
  read(line: string): void;
  /** The daemon says that the kernel has killed something inside for want of memory. */
  sayOutOfMemory(): void;
  /** Resolves when the bounds that were set last are in force. */
  settled(): Promise<void>;
}

/**
 * @param made the bounds that the container was made with.
 * @param kill ends the container; it is called too when the daemon refuses bounds.
 */
export function createContainerGroup(
  api: DockerApi,
  id: string,
  made: ContainerBounds,
  kill: () => void,
): ContainerGroup {
  const ending = new AbortController();
  const seen = { cpuMs: null as number | null, peakMemoryBytes: null as number | null, oomKills: 0, refusedForks: 0 };
  let settled: Promise<void> = Promise.resolve();
  let isFirst = true;
  let inForce = made;
  let timer: NodeJS.Timeout | undefined;

  const look = async (): Promise<void> => {
    try {
      const { cpuMs, memoryBytes } = await api.usage(id, ending.signal);
      // One that has just ended has zeros.
      seen.cpuMs = Math.max(seen.cpuMs ?? 0, cpuMs ?? 0);
      seen.peakMemoryBytes = Math.max(seen.peakMemoryBytes ?? 0, memoryBytes ?? 0);
    } catch {
      // It has ended, or the daemon is gone: others notice that.
    }
    if (!ending.signal.aborted) timer = setTimeout(() => void look(), POLL_MS);
  };
  const counters: Readonly<Record<string, (key: string, value: string) => void>> = {
    "cpu.stat": (key, value) => {
      if (key === "usage_usec") seen.cpuMs = Number(value) / 1e3;
    },
    "cpuacct.usage": (key) => (seen.cpuMs = Number(key) / 1e6),
    "memory.peak": (key) => (seen.peakMemoryBytes = Number(key)),
    "memory.max_usage_in_bytes": (key) => (seen.peakMemoryBytes = Number(key)),
    "memory.events": (key, value) => {
      if (key === "oom_kill") seen.oomKills = Number(value);
    },
    "memory.oom_control": (key, value) => {
      if (key === "oom_kill") seen.oomKills = Number(value);
    },
    "pids.events": (key, value) => {
      if (key === "max") seen.refusedForks = Number(value);
    },
  };
  return {
    add: () => Promise.resolve(),
    limit: (limits) => {
      if (isFirst) void look();
      isFirst = false;
      const { memoryBytes, pids, cpus } = limits;
      if (memoryBytes === inForce.memoryBytes && pids === inForce.pids && cpus === inForce.cpus) return;
      inForce = { memoryBytes, pids, cpus };
      settled = api.update(id, inForce, ending.signal).catch((error: unknown) => {
        // What is there already does not fit: the next step cannot start within its limit.
        if (!ending.signal.aborted && (error as { statusCode?: number }).statusCode !== undefined) seen.oomKills += 1;
        kill();
      });
    },
    usage: (): GroupUsage => ({ ...seen }),
    cpuMs: () => seen.cpuMs ?? 0,
    tmpfsBytes: () => null,
    resetPeak: () => undefined,
    kill,
    pids: () => [],
    destroy: () => {
      ending.abort();
      clearTimeout(timer);
      return Promise.resolve();
    },
    read: (line) => {
      const [, path = "", key = "", value = ""] = line.split(" ");
      const number = value === "" ? key : value;
      if (/^\d{1,18}$/.test(number)) counters[path.split("/").at(-1) ?? ""]?.(key, value);
    },
    sayOutOfMemory: () => {
      seen.oomKills = Math.max(1, seen.oomKills);
    },
    settled: () => settled,
  };
}
