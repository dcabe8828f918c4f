import type { Limits } from "../types.ts";

/** Counters of one group; null where the host does not keep them. Costs five reads, about 0.1 ms. */
export interface GroupUsage {
  readonly cpuMs: number | null;
  readonly peakMemoryBytes: number | null;
  /** Processes that the kernel killed because the group was out of memory. */
  readonly oomKills: number;
  /** Forks refused because of the pids limit. */
  readonly refusedForks: number;
}

/** The counters of a group that has just been made. */
export const FRESH_USAGE: GroupUsage = { cpuMs: 0, peakMemoryBytes: 0, oomKills: 0, refusedForks: 0 };

/** The control group of one run. */
export interface RunGroup {
  /** Moves one process in; its later children follow. Rejects when it has gone. */
  add(pid: number): Promise<void>;
  /** Sets memory, pids and cpu; called again between the compile and the run step. */
  limit(limits: Pick<Limits, "memoryBytes" | "pids" | "cpus">): void;
  usage(): GroupUsage;
  /** Processor time of all processes so far; null where the host does not count it. */
  cpuMs(): number | null;
  /** Content of tmpfs files that is charged to the group; null where memory is not counted. */
  tmpfsBytes(): number | null;
  /** Starts the peak afresh where the kernel can (v1); else the peak covers all steps. */
  resetPeak(): void;
  /** Ends everything inside, now; what it forks meanwhile may need `destroy`. */
  kill(): void;
  /** Host pids inside, now. */
  pids(): number[];
  /** Ends everything inside and removes the group; resolves when both have happened. */
  destroy(): Promise<void>;
}

/** Which limits the host's control groups can hold for us. */
export interface CgroupBelts {
  readonly memory: boolean;
  readonly pids: boolean;
  readonly cpu: boolean;
  readonly cpuUsage: boolean;
  /** `cgroup.kill` ends a whole group at once (v2 only). */
  readonly kill: boolean;
  /** For people: which hierarchies, or why none. */
  readonly detail: string;
}

export interface CgroupHost extends Disposable {
  readonly belts: CgroupBelts;
  /** False where there is no tree to make groups in. */
  readonly usable: boolean;
  /** Makes a group below ours. `name` is unique among the running ones. */
  create(name: string): RunGroup;
  /** The same for who has time: this thread does not wait for the kernel. */
  createInBackground(name: string): Promise<RunGroup>;
  /** Removes our own (empty) parent groups. */
  [Symbol.dispose](): void;
}
