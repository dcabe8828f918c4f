import { expect, test } from "vitest";
import type { GroupUsage, RunGroup } from "../cgroup/types.ts";
import { fromNowOn } from "./from-now-on.ts";

const MiB = 1024 * 1024;

test("the limit begins at the hand-over, and the peak is that of the whole process", () => {
  const limits: number[] = [];
  let usage: GroupUsage = { cpuMs: 400, peakMemoryBytes: 110 * MiB, oomKills: 0, refusedForks: 0 };
  const group = {
    resetPeak: () => undefined,
    usage: () => usage,
    cpuMs: () => usage.cpuMs,
    limit: ({ memoryBytes }: { memoryBytes: number }) => limits.push(memoryBytes),
  } as unknown as RunGroup;
  const since = fromNowOn(group, { ownBytes: 108 * MiB, uncountedBytes: 40 * MiB });
  since.group.limit({ memoryBytes: 64 * MiB, pids: 1, cpus: 1 });
  usage = { ...usage, cpuMs: 450, peakMemoryBytes: 130 * MiB };
  expect(limits).toEqual([(64 + 110 + 4) * MiB]);
  expect(since.group.usage()).toMatchObject({ cpuMs: 50, peakMemoryBytes: 170 * MiB });
  expect(since.grownBytes()).toBe(20 * MiB);
});

test("a peak of loading that the kernel does not forget is no room for the program", () => {
  const limits: number[] = [];
  const usage: GroupUsage = { cpuMs: null, peakMemoryBytes: 190 * MiB, oomKills: 0, refusedForks: 0 };
  const group = {
    resetPeak: () => undefined,
    usage: () => usage,
    cpuMs: () => null,
    limit: ({ memoryBytes }: { memoryBytes: number }) => limits.push(memoryBytes),
  } as unknown as RunGroup;
  const since = fromNowOn(group, { ownBytes: 100 * MiB, uncountedBytes: 0 });
  since.group.limit({ memoryBytes: 64 * MiB, pids: 1, cpus: 1 });
  expect(limits).toEqual([(100 + 8 + 64 + 4) * MiB]);
  expect(since.grownBytes()).toBe(0);
});
