import type { ModelStoreError } from "../errors.ts";
import type { Hub } from "./hub.ts";

/** A failure that may pass; after the last attempt its `error` is what the caller gets. */
export class Passing extends Error {
  readonly error: ModelStoreError;
  /** What the hub asked to wait; null when it said nothing. */
  readonly afterMs: number | null;
  constructor(error: ModelStoreError, afterMs: number | null = null) {
    super(error.message, { cause: error });
    this.error = error;
    this.afterMs = afterMs;
  }
}

/** Whatever progress is made between: a download that is cut this often is given up. */
const MOST_ATTEMPTS = 200;

/**
 * Repeats what fails in passing, with exponential back-off and full jitter. `progressed` is for an attempt that got
 * further than those before: it starts the count anew.
 */
export async function withRetries<T>(
  { timing, wait, random }: Hub,
  signal: AbortSignal,
  attempt: (progressed: () => void) => Promise<T>,
): Promise<T> {
  let failures = 0;
  for (let count = 1; ; count++) {
    signal.throwIfAborted();
    try {
      return await attempt(() => (failures = 0));
    } catch (error) {
      if (!(error instanceof Passing)) throw error;
      failures++;
      const asked = error.afterMs ?? 0;
      if (failures >= timing.attempts || count >= MOST_ATTEMPTS || asked > timing.maxDelayMs) throw error.error;
      const backOff = Math.min(timing.maxDelayMs, timing.firstDelayMs * 2 ** (failures - 1)) * random();
      await wait(Math.max(asked, backOff), signal);
    }
  }
}

/** `Retry-After` in milliseconds: seconds or a date (RFC 9110, 10.2.3). Null when there is none that can be read. */
export function retryAfterMs(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}
