import type { Log } from "../../log.ts";
import type { LossReason, RecorderMetrics } from "./metrics.ts";

/** A database that is away must not fill the disk with lines about it. Milliseconds. */
const LOG_EVERY_MS = 1_000;

/** Builds what counts every loss, and logs them, at most once a second with the number since the last line. */
export function createLossLog(metrics: RecorderMetrics, log: Log): (reason: LossReason, count: number) => void {
  let loggedAt = Number.NEGATIVE_INFINITY;
  let since = 0;
  return (reason, count) => {
    metrics.lost(reason, count);
    since += count;
    const now = performance.now();
    if (now - loggedAt < LOG_EVERY_MS) return;
    log.error({ reason, count: since }, "screenings are not on record");
    loggedAt = now;
    since = 0;
  };
}
