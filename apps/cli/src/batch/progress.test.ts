import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { barText, createProgress, statusText } from "./progress.ts";

function screen(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 80 });
  return { stream, text: () => (stream.read() as Buffer | null)?.toString() ?? "" };
}

test("the status says how many, how fast and how long still", () => {
  expect(statusText({ done: 0, failed: 0, skipped: 0, total: 10, elapsedMs: 0 })).toBe("0/10  0%  0.0/s  -- left");
  expect(statusText({ done: 40, failed: 0, skipped: 0, total: 100, elapsedMs: 2000 })).toBe(
    "40/100  40%  20/s  3.0 s left",
  );
  expect(statusText({ done: 3, failed: 1, skipped: 0, total: null, elapsedMs: 2000 })).toBe(
    "3  1 failed  1.5/s  in 2.0 s",
  );
  expect(statusText({ done: 4, failed: 2, skipped: 0, total: 4, elapsedMs: 1000 })).toBe(
    "4/4  100%  2 failed  4.0/s  in 1.0 s",
  );
});

test("what was finished before counts, but not as speed", () => {
  expect(statusText({ done: 60, failed: 0, skipped: 50, total: 100, elapsedMs: 2000 })).toBe(
    "60/100  60%  5.0/s  8.0 s left",
  );
});

test("the bar fills up", () => {
  expect([0, 0.5, 1, 7].map((fraction) => barText(fraction, 10))).toEqual([
    "[          ]",
    "[====>     ]",
    "[==========]",
    "[==========]",
  ]);
});

test("a terminal gets a bar that is redrawn in place, ten times a second at most", () => {
  const { stream, text } = screen(true);
  let now = 0;
  const progress = createProgress({ stream, total: 1000, quiet: false, now: () => now });
  for (let i = 0; i < 1000; i++, now++) progress.step(false);
  progress.end();
  const drawn = text();
  expect(drawn.split("\r").length - 1).toBeLessThanOrEqual(12);
  expect(drawn).toContain("[");
  expect(drawn.trimEnd()).toMatch(/1000\/1000 {2}100%/);
  expect(drawn.endsWith("\n")).toBe(true);
});

test("a log file gets plain lines and no control characters", () => {
  const { stream, text } = screen(false);
  let now = 0;
  const progress = createProgress({ stream, total: 100, quiet: false, now: () => now });
  for (let i = 0; i < 100; i++, now += 200) progress.step(false);
  progress.end();
  const drawn = text();
  expect(drawn).not.toMatch(/[\r\u001b]/);
  expect(drawn.split("\n").length).toBeLessThan(8);
  expect(drawn).toMatch(/100\/100/);
});

test("quiet prints notes only", () => {
  const { stream, text } = screen(true);
  const progress = createProgress({ stream, total: 2, quiet: true, now: () => 0 });
  progress.step(false);
  progress.note("runs.jsonl:2: not JSON");
  progress.step(true);
  progress.end();
  expect(text()).toBe("runs.jsonl:2: not JSON\n");
});
