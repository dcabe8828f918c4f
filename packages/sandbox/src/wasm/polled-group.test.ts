import { expect, test } from "vitest";
import { createPolledGroup, usageFromProc, usageFromPs, usageReader } from "./polled-group.ts";
import type { ProcessUsage } from "./polled-group.ts";

const MiB = 1024 * 1024;
const usage = (residentBytes: number, peakBytes: number | null): ProcessUsage => ({
  residentBytes,
  fileBytes: 0,
  peakBytes,
  cpuMs: 5,
});

/** Looks that give these one after the other, and then none. */
function readerOf(looks: readonly ProcessUsage[]) {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let at = 0;
  return {
    over,
    reader: {
      pollMs: 0,
      read: async () => {
        const found = looks[at] ?? null;
        at += 1;
        if (found === null) resolve();
        return found;
      },
    },
  };
}

test("only Linux is asked for /proc, every other system has ps", () => {
  expect(usageReader("linux").read).toBe(usageFromProc);
  for (const platform of ["darwin", "freebsd", "openbsd"] as const)
    expect(usageReader(platform).read).toBe(usageFromPs);
});

test("ps tells the memory and the processor time of a process, and nothing of one that is gone", async () => {
  const own = await usageFromPs(process.pid);
  expect(own?.residentBytes).toBeGreaterThan(10 * MiB);
  expect(own?.cpuMs).toBeGreaterThanOrEqual(0);
  expect(await usageFromPs(2 ** 30)).toBeNull();
});

test("a peak between two looks is told where the kernel knows it", async () => {
  const { over, reader } = readerOf([usage(50 * MiB, 80 * MiB), usage(60 * MiB, 300 * MiB)]);
  const group = createPolledGroup(1, () => undefined, reader);
  await over;
  expect(group.usage()).toMatchObject({ peakMemoryBytes: 300 * MiB, oomKills: 0 });
});

test("a peak of before the start does not count", async () => {
  const waiting = Promise.withResolvers<ProcessUsage>();
  const looks = [Promise.resolve(usage(50 * MiB, 190 * MiB)), waiting.promise, Promise.resolve(null)];
  const group = createPolledGroup(1, () => undefined, {
    pollMs: 0,
    read: () => looks.shift() ?? Promise.resolve(null),
  });
  await expect.poll(() => group.usage().peakMemoryBytes).toBe(190 * MiB);
  group.resetPeak();
  waiting.resolve(usage(70 * MiB, 190 * MiB));
  await expect.poll(() => group.usage().peakMemoryBytes).toBe(70 * MiB);
});

test("ends the process that holds more than it may, once", async () => {
  const { over, reader } = readerOf([usage(50 * MiB, null), usage(200 * MiB, null), usage(300 * MiB, null)]);
  let kills = 0;
  const group = createPolledGroup(1, () => (kills += 1), reader);
  group.limit({ memoryBytes: 100 * MiB, pids: 1, cpus: 1 });
  await expect.poll(() => kills).toBe(1);
  expect(group.usage()).toMatchObject({ oomKills: 1, peakMemoryBytes: 200 * MiB });
  void over;
});
