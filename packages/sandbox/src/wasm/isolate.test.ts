import { expect, test } from "vitest";
import type { GroupUsage, RunGroup } from "../cgroup/types.ts";
import { fromNowOn, spawnIsolate } from "./isolate.ts";
import type { Ready } from "./prepare.ts";

const MiB = 1024 * 1024;

test("no process is started when no uid is left for it: it never gets the service's own", async () => {
  // Nothing else of the host is looked at before.
  const host = { uids: [] as number[] } as unknown as Ready;
  await expect(spawnIsolate(host, "javascript", { memoryBytes: MiB, cpuSeconds: 1 })).rejects.toThrow("no unused uid");
});

test("the limit begins at the hand-over, and the peak is that of the whole process", () => {
  const limits: number[] = [];
  let usage: GroupUsage = { cpuMs: 400, peakMemoryBytes: 110 * MiB, oomKills: 0, refusedForks: 0 };
  const group = {
    resetPeak: () => undefined,
    usage: () => usage,
    cpuMs: () => usage.cpuMs,
    limit: ({ memoryBytes }: { memoryBytes: number }) => limits.push(memoryBytes),
  } as unknown as RunGroup;
  const since = fromNowOn(group, 40 * MiB);
  since.group.limit({ memoryBytes: 64 * MiB, pids: 1, cpus: 1 });
  usage = { ...usage, cpuMs: 450, peakMemoryBytes: 130 * MiB };
  expect(limits).toEqual([(64 + 110 + 4) * MiB]);
  expect(since.group.usage()).toMatchObject({ cpuMs: 50, peakMemoryBytes: 170 * MiB });
  expect(since.grownBytes()).toBe(20 * MiB);
});
