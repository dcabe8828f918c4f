import type { Run } from "@crucible/contract";
import type { RunReader } from "./types.ts";

/** Runs that have just finished here. A finished run never changes, so it may be answered from memory. */
export interface RecentRuns {
  remember(run: Run): void;
  get(id: string): Run | undefined;
}

/** Whoever waits for a run reads it within milliseconds of its end; at concurrency 64 this is seconds of runs. */
const RUNS_AT_MOST = 512;
/** Larger outputs are read from the database: 32 MiB in all at most. */
const OUTPUT_AT_MOST = 64 * 1024;

export function createRecentRuns(): RecentRuns {
  const runs = new Map<string, Run>();
  return {
    remember: (run) => {
      const { outcome } = run;
      if (outcome === null || outcome.stdout.length + outcome.stderr.length > OUTPUT_AT_MOST) return;
      if (outcome.artifacts !== undefined) return;
      // A compile step's output is bounded separately, so it stays out.
      if (outcome.compile !== null && outcome.compile.stdout.length + outcome.compile.stderr.length > OUTPUT_AT_MOST)
        return;
      runs.set(run.id, run);
      if (runs.size > RUNS_AT_MOST) runs.delete(runs.keys().next().value ?? "");
    },
    get: (id) => runs.get(id),
  };
}

/** Reads runs that just finished from memory: a tenth less work for a run that somebody waits for. */
export function readingRecent(reader: RunReader, recent: RecentRuns): RunReader {
  return { ...reader, getRun: async (id) => recent.get(id) ?? reader.getRun(id) };
}
