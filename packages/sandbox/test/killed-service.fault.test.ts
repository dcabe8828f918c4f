import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { findHierarchies } from "../src/cgroup/hierarchies.ts";
import { createBubblewrapEngine, detectLanguages, MAX_LIMITS, MIN_LIMITS, sweepLeftovers } from "../src/index.ts";
import { scratchPlaces } from "../src/process/scratch.ts";
import { startService } from "./fixtures/service.ts";

/** Processes on this host whose command line holds the marker; the sandboxed program carries it in its code. */
function alive(marker: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(marker);
      } catch {
        return false;
      }
    });
}
const leftovers = (pid: number): string[] => [
  ...findHierarchies()
    .map((hierarchy) => join(hierarchy.base, "crucible"))
    .filter((dir) => existsSync(dir))
    .flatMap((dir) => readdirSync(dir).filter((name) => name.startsWith(`p${pid}-`))),
  ...findHierarchies().flatMap(({ base }) =>
    readdirSync(base).filter((name) => name.startsWith(`crucible-oci-p${pid}-`)),
  ),
  ...scratchPlaces()
    .flatMap((place) => readdirSync(place))
    .filter((name) => name.startsWith(`crucible-sandbox-p${pid}-`)),
];

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
    await delay(5);
  }
}

/** Stays in memory under its marker, with a daemon that has left its session. */
const program = (marker: string): string => `
import os, sys, time
if os.fork() == 0:
    os.setsid()
    os.execv("/bin/sleep", ["${marker}", "600"])
time.sleep(0.1)
print("up", flush=True)
os.execv("/bin/sleep", ["${marker}", "600"])
`;

describe("a service that is killed in mid-run", () => {
  it("takes its programs with it, and the next start removes what it left", async () => {
    const marker = `crucible-marker-${process.pid}-${Date.now()}`;
    const service = startService({ code: program(marker), limits: { wallTimeMs: 60_000 } });
    expect(await service.next()).toMatchObject({ available: true });
    expect(await service.next()).toMatchObject({ output: "up\n" });
    await until("both processes under the marker", () => alive(marker).length >= 2);

    await service.kill();
    await until("no process under the marker", () => alive(marker).length === 0);
    expect(leftovers(service.pid)).not.toEqual([]);

    // Another instance is at work meanwhile: the clean-up must not touch it.
    await using engine = createBubblewrapEngine({
      languages: await detectLanguages(["bash"]),
      bounds: { min: MIN_LIMITS, max: MAX_LIMITS },
      slots: 1,
    });
    const content = new TextEncoder().encode("sleep 0.5; echo survived");
    const running = engine.run({ language: "bash", files: [{ path: "main.sh", content }] });
    const { removed } = await sweepLeftovers();
    expect(removed.some((path) => path.includes(`p${service.pid}-`))).toBe(true);
    expect(leftovers(service.pid)).toEqual([]);
    expect(new TextDecoder().decode((await running).stdout)).toBe("survived\n");
  });

  it.each(["runc", "gvisor"])("takes its programs on %s with it too", async (name) => {
    const marker = `crucible-marker-${name}-${process.pid}-${Date.now()}`;
    const service = startService({ code: program(marker), limits: { wallTimeMs: 60_000 }, engine: name });
    expect(await service.next()).toMatchObject({ available: true });
    expect(await service.next()).toMatchObject({ output: "up\n" });
    // gVisor's programs are not the host's processes; gVisor's own are called after their container.
    const word = name === "gvisor" ? `crucible-oci-p${service.pid}-` : marker;
    await until("processes of the run", () => alive(word).length >= 2);

    await service.kill();
    await until("no process of the run", () => alive(word).length === 0);
    await sweepLeftovers();
    expect(leftovers(service.pid)).toEqual([]);
  });
});
