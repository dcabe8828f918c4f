import type { Log } from "../../log.ts";
import { lowestIdAt } from "../../store/ids.ts";
import type { ScreeningBounds } from "../../store/screening-writer.ts";
import type { RecorderMetrics } from "./metrics.ts";

/** How long screenings are kept, and how many. */
export interface Retention {
  readonly maxAgeMs: number;
  readonly maxRows: number;
}

/** What keeps the table within its bounds. */
export interface RetentionParts {
  readonly retention: Retention;
  /** Returns how many went. */
  readonly remove: (bounds: ScreeningBounds) => Promise<number>;
  readonly metrics: Pick<RecorderMetrics, "removed">;
  readonly log: Log;
  /** Milliseconds between looks. Default a minute. */
  readonly everyMs?: number;
}

/** Looks now and every minute for screenings that are too old or too many, and removes them. Owns its timer. */
export function keepWithinBounds(parts: RetentionParts): AsyncDisposable {
  const { retention, remove, metrics, log, everyMs = 60_000 } = parts;
  let working: Promise<void> | null = null;
  const look = async (): Promise<void> => {
    const belowId = lowestIdAt("scr", Date.now() - retention.maxAgeMs);
    try {
      const count = await remove({ belowId, maxRows: retention.maxRows });
      if (count === 0) return;
      metrics.removed(count);
      log.info({ count }, "old screenings were removed");
    } catch (error) {
      log.warn({ err: error }, "old screenings could not be removed");
    }
  };
  const start = (): void => {
    working ??= look().finally(() => (working = null));
  };
  start();
  const timer = setInterval(start, everyMs);
  timer.unref();
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await working;
    },
  };
}
