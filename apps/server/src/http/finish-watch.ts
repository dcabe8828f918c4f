import type { Run } from "@crucible/contract";
import type { EventBus } from "../events/types.ts";
import type { RunReader } from "../store/types.ts";

/** Waits for runs to finish. Owns one bus listener: `close()` it. */
export interface FinishWatch {
  /**
   * Waits for a run that was just submitted. Gives null when `timeoutMs` passed, `signal` was aborted or the
   * server stops, else the finished run. A database that does not answer is asked again.
   */
  untilFinished(runId: string, timeoutMs: number, signal?: AbortSignal): Promise<Run | null>;
  /** Ends all waits with null. */
  close(): void;
}

/** How many finished runs are remembered for a waiter that comes a moment later than the end of its run. */
const REMEMBERED = 4096;
/** The bus is best effort: a waiter asks the database this often, too. Milliseconds. */
const POLL_MS = 2_000;

/**
 * One listener for all waiters. It listens before any run is submitted, so that a run which ends before its
 * submitter comes to wait is not missed and needs no question to the database.
 */
export function createFinishWatch(bus: EventBus, reader: RunReader): FinishWatch {
  const waiting = new Map<string, Set<() => void>>();
  const recent = new Set<string>();
  const closing = new AbortController();

  const stop = bus.subscribe("*", ({ event }) => {
    if (event.type !== "run.finished") return;
    recent.add(event.runId);
    if (recent.size > REMEMBERED)
      for (const oldest of recent) {
        recent.delete(oldest);
        break;
      }
    for (const wake of waiting.get(event.runId) ?? []) wake();
  });

  /** Resolves with true when the run is said to have finished, false after `ms` or an abort. */
  function wakeUp(runId: string, ms: number, signal: AbortSignal): Promise<boolean> {
    if (recent.has(runId)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const wakers = waiting.get(runId) ?? new Set();
      const end = (finished: boolean): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        wakers.delete(wake);
        if (wakers.size === 0) waiting.delete(runId);
        resolve(finished);
      };
      const wake = (): void => end(true);
      const onAbort = (): void => end(false);
      const timer = setTimeout(end, ms, false);
      waiting.set(runId, wakers.add(wake));
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) end(false);
    });
  }

  return {
    async untilFinished(runId, timeoutMs, signal) {
      const either = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
      const deadline = performance.now() + timeoutMs;
      for (let left = timeoutMs; left > 0 && !either.aborted; left = deadline - performance.now()) {
        const said = await wakeUp(runId, Math.min(left, POLL_MS), either);
        if (either.aborted && !said) return null;
        // The run is accepted: a database that is away for a while must not turn that into an error.
        const run = await reader.getRun(runId).catch(() => undefined);
        if (run === null || run?.status === "finished") return run;
        // Announced, but not readable yet: do not spin on it.
        if (said) recent.delete(runId);
      }
      return null;
    },
    close() {
      stop();
      closing.abort();
    },
  };
}
