/** First wait at most, doubled with each attempt, and the most it grows to. Milliseconds. */
const BASE_MS = 250;
const MAX_MS = 8_000;

/**
 * How long to wait before an attempt, milliseconds: anything from nothing to a bound that doubles ("full jitter", so
 * that callers who failed together do not come back together), and at least what the server asked for.
 * @param attempt counted from 0: the first retry
 * @param random 0 up to, not including, 1
 */
export function backoffMs(attempt: number, random: number, retryAfterMs: number | null): number {
  return Math.max(random * Math.min(MAX_MS, BASE_MS * 2 ** attempt), retryAfterMs ?? 0);
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date, as milliseconds; null where there is none that makes sense. */
export function retryAfterMs(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  nowMs: number,
): number | null {
  const { "retry-after-ms": exact, "retry-after": given } = headers;
  if (typeof exact === "string" && /^\d+(\.\d+)?$/.test(exact)) return Number(exact);
  if (typeof given !== "string") return null;
  if (/^\d+(\.\d+)?$/.test(given)) return Number(given) * 1_000;
  // `Date.parse` takes nearly everything for a date; HTTP's begin with the day of the week.
  const date = /^[A-Z][a-z]{2}/.test(given) ? Date.parse(given) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}

/** Statuses after which the same request may do better. */
export function isWorthRetrying(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}
