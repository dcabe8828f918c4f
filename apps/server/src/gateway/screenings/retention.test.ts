import { expect, test } from "vitest";
import type { Log } from "../../log.ts";
import { lowestIdAt, timeOf } from "../../store/ids.ts";
import type { ScreeningBounds } from "../../store/screening-writer.ts";
import { keepWithinBounds } from "./retention.ts";

const DAY_MS = 86_400_000;

function watched(remove: (bounds: ScreeningBounds) => Promise<number>, everyMs = 60_000) {
  const lines: string[] = [];
  const removed: number[] = [];
  const line = (_: object, message: string): void => void lines.push(message);
  const log: Log = { debug: line, info: line, warn: line, error: line };
  const retention = { maxAgeMs: 3 * DAY_MS, maxRows: 7 };
  const metrics = { removed: (count: number) => void removed.push(count) };
  return { lines, removed, keeper: keepWithinBounds({ retention, remove, metrics, log, everyMs }) };
}

test("old screenings are looked for at the start, by age and by number", async () => {
  const asked: ScreeningBounds[] = [];
  const before = Date.now();
  const { keeper, removed, lines } = watched(async (bounds) => {
    asked.push(bounds);
    return 5;
  });
  await keeper[Symbol.asyncDispose]();
  expect(asked).toHaveLength(1);
  expect(asked[0]?.maxRows).toBe(7);
  const until = timeOf(asked[0]?.belowId ?? "").getTime();
  expect(until).toBeGreaterThanOrEqual(before - 3 * DAY_MS);
  expect(until).toBeLessThanOrEqual(Date.now() - 3 * DAY_MS);
  expect(asked[0]?.belowId).toBe(lowestIdAt("scr", until));
  expect(removed).toEqual([5]);
  expect(lines).toEqual(["old screenings were removed"]);
});

test("a database that is away is asked again, and never twice at once", async () => {
  let running = 0;
  let most = 0;
  const again = Promise.withResolvers<void>();
  let asked = 0;
  const { keeper, lines } = watched(async () => {
    running += 1;
    most = Math.max(most, running);
    asked += 1;
    if (asked === 3) again.resolve();
    await Promise.resolve();
    running -= 1;
    throw new Error("away");
  }, 1);
  await again.promise;
  await keeper[Symbol.asyncDispose]();
  expect(most).toBe(1);
  expect(new Set(lines)).toEqual(new Set(["old screenings could not be removed"]));
});
