import type { GroupUsage, RunGroup } from "../cgroup/types.ts";

/** Memory of a process, as its group sees it and does not. */
export interface MemoryNow {
  /** Its own pages, bytes; null where nothing tells them apart. */
  readonly ownBytes: number | null;
  /**
   * Bytes that the group does not count: pages of files, such as Deno's own code, belong to nobody's group or to that
   * of whoever came first.
   */
  readonly uncountedBytes: number;
}

/** What the runtime takes to run anything at all, bytes: an empty program grew it by 0 to 2 MiB. */
const OWN_GROWTH_BYTES = 4 * 1024 * 1024;
/** A group counts some of the kernel's memory too: 3 MB beside the 116 MB of a Python process. */
const KERNEL_BYTES = 8 * 1024 * 1024;

/** A group that counts from some point on. */
export interface GroupSince {
  readonly group: RunGroup;
  /** What the peak has risen since that point, bytes; null where it is not measured. */
  grownBytes(): number | null;
}

/**
 * The same group, counted from now on: loading the interpreter is not the program's affair, neither its processor
 * time nor its memory as far as the limit goes. The peak is told as a whole, for that is what the process took.
 * @param memory what the process holds at this point.
 */
export function fromNowOn(group: RunGroup, { ownBytes, uncountedBytes }: MemoryNow): GroupSince {
  group.resetPeak();
  const before = group.usage();
  const peakBefore = before.peakMemoryBytes ?? 0;
  // Where a peak cannot begin afresh (v2), it is that of loading, which may have been far above what is left.
  const loadedBytes = Math.min(peakBefore, ownBytes === null ? Infinity : ownBytes + KERNEL_BYTES);
  const cpuSince = (cpuMs: number | null): number | null =>
    cpuMs === null ? null : Math.max(0, cpuMs - (before.cpuMs ?? 0));
  return {
    grownBytes: () => {
      const peak = group.usage().peakMemoryBytes;
      return peak === null ? null : Math.max(0, peak - peakBefore);
    },
    group: {
      ...group,
      limit: (limits) => group.limit({ ...limits, memoryBytes: limits.memoryBytes + loadedBytes + OWN_GROWTH_BYTES }),
      cpuMs: () => cpuSince(group.cpuMs()),
      usage: (): GroupUsage => {
        const usage = group.usage();
        const peak = usage.peakMemoryBytes;
        return {
          ...usage,
          cpuMs: cpuSince(usage.cpuMs),
          peakMemoryBytes: peak === null ? null : peak + uncountedBytes,
        };
      },
    },
  };
}
