import { expect, test } from "vitest";
import { spawnIsolate } from "./isolate.ts";
import type { Ready } from "./prepare.ts";

test("no process is started when no uid is left for it: it never gets the service's own", async () => {
  // Nothing else of the host is looked at before.
  const host = { uids: [] as number[] } as unknown as Ready;
  await expect(spawnIsolate(host, "javascript", { memoryBytes: 1 << 20, cpuSeconds: 1 })).rejects.toThrow(
    "no unused uid",
  );
});
