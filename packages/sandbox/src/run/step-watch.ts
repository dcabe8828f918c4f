import type { RunGroup } from "../cgroup/types.ts";
import type { Limits, OutcomeStatus } from "../types.ts";

/** Why we stopped a step; null while it runs by itself. */
export type StopStatus = Extract<OutcomeStatus, "timed_out" | "cpu_exceeded" | "output_exceeded" | "cancelled">;

/** Watches the clock and the processor time of one step. */
export interface StepWatch {
  /** Elapsed since the step began, milliseconds. */
  elapsedMs(): number;
  stop(): void;
}

/** Between two looks at the processor time; the look itself costs about 20 µs. */
const SHORTEST_LOOK_MS = 10;

/** @param cpuAtStartMs what the group had used before this step. @param onExceeded called at most once. */
export function watchStep(
  limits: Limits,
  group: RunGroup | null,
  cpuAtStartMs: number | null,
  onExceeded: (status: StopStatus) => void,
): StepWatch {
  const startedAt = performance.now();
  let look: NodeJS.Timeout | undefined;
  const exceed = (status: StopStatus): void => {
    stop();
    onExceeded(status);
  };
  const wall = setTimeout(() => exceed("timed_out"), limits.wallTimeMs);
  // The group burns at most `cpus` seconds a second, so nothing can be missed by looking no sooner than that.
  const lookIn = (remainingMs: number): void => {
    look = setTimeout(
      () => {
        const used = (group?.cpuMs() ?? 0) - (cpuAtStartMs ?? 0);
        if (used >= limits.cpuTimeMs) exceed("cpu_exceeded");
        else lookIn(limits.cpuTimeMs - used);
      },
      Math.max(SHORTEST_LOOK_MS, remainingMs / limits.cpus),
    );
  };
  if (cpuAtStartMs !== null) lookIn(limits.cpuTimeMs);
  function stop(): void {
    clearTimeout(wall);
    clearTimeout(look);
  }
  return { elapsedMs: () => performance.now() - startedAt, stop };
}
