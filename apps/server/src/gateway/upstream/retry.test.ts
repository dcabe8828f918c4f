import { expect, test } from "vitest";
import { backoffMs, isWorthRetrying, retryAfterMs } from "./retry.ts";

test("waits a random time up to a bound that doubles to 8 s, and at least as long as the server asks", () => {
  const bounds = [0, 1, 2, 3, 4, 5, 6, 7].map((attempt) => backoffMs(attempt, 1, null));
  expect(bounds).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
  expect(backoffMs(3, 0, null)).toBe(0);
  expect(backoffMs(3, 0.25, null)).toBe(500);
  expect(backoffMs(0, 0.5, 3000)).toBe(3000);
  expect(backoffMs(5, 1, 3000)).toBe(8000);
});

test("reads when to come back, in milliseconds, seconds or as a date", () => {
  const now = Date.parse("2026-01-31T12:00:00Z");
  expect(retryAfterMs({ "retry-after-ms": "150", "retry-after": "9" }, now)).toBe(150);
  expect(retryAfterMs({ "retry-after": "2" }, now)).toBe(2000);
  expect(retryAfterMs({ "retry-after": "Sat, 31 Jan 2026 12:00:30 GMT" }, now)).toBe(30_000);
  expect(retryAfterMs({ "retry-after": "Sat, 31 Jan 2026 11:00:00 GMT" }, now)).toBe(0);
  for (const text of ["soon", "-5", ""]) expect(retryAfterMs({ "retry-after": text }, now)).toBeNull();
  expect(retryAfterMs({}, now)).toBeNull();
});

test("tries again after statuses that pass by", () => {
  const worth = [200, 400, 401, 404, 408, 409, 422, 429, 500, 501, 502, 503, 504, 505, 529].filter(isWorthRetrying);
  expect(worth).toEqual([408, 429, 500, 502, 503, 504, 529]);
});
