import type { RunGroup } from "./types.ts";

/** The same group, whose counters begin now: what happened in it before is not the run's. */
export function sinceNow(group: RunGroup): RunGroup {
  group.resetPeak();
  const before = group.usage();
  const since = (ms: number | null): number | null => (ms === null ? null : ms - (before.cpuMs ?? 0));
  return {
    ...group,
    cpuMs: () => since(group.cpuMs()),
    usage: () => {
      const now = group.usage();
      return {
        cpuMs: since(now.cpuMs),
        peakMemoryBytes: now.peakMemoryBytes,
        oomKills: now.oomKills - before.oomKills,
        refusedForks: now.refusedForks - before.refusedForks,
      };
    },
  };
}
