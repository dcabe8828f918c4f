import { expect, test } from "vitest";
import { formatBytes, formatDuration, parseByteCount, parseLimits } from "./units.ts";

test.each([
  ["wallTimeMs=2000", { wallTimeMs: 2000 }],
  ["wallTimeMs=2s", { wallTimeMs: 2000 }],
  ["wallTimeMs=1.5s", { wallTimeMs: 1500 }],
  ["cpuTimeMs=2m", { cpuTimeMs: 120_000 }],
  ["memoryBytes=256MiB", { memoryBytes: 268_435_456 }],
  ["memoryBytes=1GB", { memoryBytes: 1e9 }],
  ["stdoutBytes=0", { stdoutBytes: 0 }],
  ["cpus=0.5", { cpus: 0.5 }],
  ["pids=32", { pids: 32 }],
])("reads the limit %s", (text, limits) => {
  expect(parseLimits([text])).toEqual(limits);
});

test("takes several limits, the last of one name", () => {
  expect(parseLimits(["pids=1", "openFiles=9", "pids=2"])).toEqual({ pids: 2, openFiles: 9 });
});

test.each([
  ["wallTime=2s", 'there is no limit "wallTime"', "did you mean wallTimeMs=...?"],
  ["wallTimeMs", '--limit wants NAME=VALUE, not "wallTimeMs"', "did you mean wallTimeMs=...?"],
  ["memory=1", 'there is no limit "memory"', null],
  ["wallTimeMs=2MiB", 'wallTimeMs cannot be "2MiB"', "give a number, or one with a unit: ms, s, m, min"],
  ["memoryBytes=", 'memoryBytes cannot be ""', null],
  ["memoryBytes=-1", 'memoryBytes cannot be "-1"', null],
  ["pids=2k", 'pids cannot be "2k"', "give a plain number"],
  ["wallTimeMs=1e9999", 'wallTimeMs cannot be "1e9999"', null],
  ["=5", 'there is no limit ""', null],
])("refuses the limit %s", (text, message, next) => {
  expect(() => parseLimits([text])).toThrow(
    expect.objectContaining({ message, ...(next === null ? {} : { next }) }) as Error,
  );
});

test("a size outside a limit is named as what it is", () => {
  expect(parseByteCount("4GiB")).toBe(4 * 1024 ** 3);
  expect(() => parseByteCount("lots")).toThrow('the size cannot be "lots"');
});

test("writes sizes and durations for people", () => {
  expect([0, 1023, 1536, 5 * 1024 ** 3].map(formatBytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
  expect([12.4, 1500, 59_940, 125_000, 3_725_000].map(formatDuration)).toEqual([
    "12 ms",
    "1.5 s",
    "59.9 s",
    "2 m 05 s",
    "1 h 02 m",
  ]);
});
