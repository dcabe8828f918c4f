import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createBubblewrapEngine,
  createSubprocessEngine,
  detectLanguages,
  EngineUnavailableError,
  MAX_LIMITS,
  MIN_LIMITS,
} from "../src/index.ts";
import { isReachableByAll } from "../src/process/scratch.ts";
import { startService } from "./fixtures/service.ts";

const options = { languages: await detectLanguages(["bash"]), bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1 };
const spec = { language: "bash", files: [{ path: "main.sh", content: new TextEncoder().encode("echo ran") }] };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "refusals-"));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});
function fakeBwrap(script: string): string {
  const path = join(dir, "bwrap");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  chmodSync(dir, 0o755);
  return path;
}

describe("refusals", () => {
  it("refuses to run without bwrap, and names what installs it", async () => {
    await using engine = createBubblewrapEngine({ ...options, bwrapPath: join(dir, "none") });
    expect(await engine.probe()).toMatchObject({ available: false, fix: "apt-get install bubblewrap" });
    await expect(engine.run(spec)).rejects.toBeInstanceOf(EngineUnavailableError);
  });

  it("refuses a bwrap that lacks an option it needs", async () => {
    const bwrapPath = fakeBwrap(`[ "$1" = --version ] && echo bubblewrap 0.4.1; exit 0`);
    await using engine = createBubblewrapEngine({ ...options, bwrapPath });
    const report = await engine.probe();
    expect(report.available).toBe(false);
    expect(report.reason).toContain("--disable-userns");
    await expect(engine.run(spec)).rejects.toBeInstanceOf(EngineUnavailableError);
  });

  it("refuses when bwrap disappears between two runs, and runs nothing without it", async () => {
    const bwrapPath = join(dir, "bwrap");
    copyFileSync("/usr/bin/bwrap", bwrapPath);
    chmodSync(bwrapPath, 0o755);
    chmodSync(dir, 0o755);
    await using engine = createBubblewrapEngine({ ...options, bwrapPath });
    expect((await engine.run(spec)).exitCode).toBe(0);
    rmSync(bwrapPath);
    await expect(engine.run(spec)).rejects.toMatchObject({
      code: "engine_unavailable",
      fix: "apt-get install bubblewrap",
    });
  });

  it("calls a sandbox that cannot be made `sandbox_failed`, with bwrap's own words", async () => {
    const help = "--disable-userns --json-status-fd --size --perms --as-pid-1 --seccomp";
    const bwrapPath = fakeBwrap(
      `case "$1" in --version) echo bubblewrap 0.8.0;; --help) echo "${help}";; *) echo "bwrap: No permissions to create new namespace" >&2; exit 1;; esac`,
    );
    await using engine = createBubblewrapEngine({ ...options, bwrapPath });
    const report = await engine.probe();
    expect(report).toMatchObject({ available: false });
    expect(report.reason).toContain("No permissions to create new namespace");
    expect(report.belts.filter((belt) => belt.on)).toEqual([]);
    const outcome = await engine.run(spec);
    expect(outcome).toMatchObject({ status: "sandbox_failed", exitCode: null });
    expect(outcome.reason).toContain("No permissions to create new namespace");
  });

  it("refuses the subprocess engine unless it is allowed", async () => {
    await using engine = createSubprocessEngine({ ...options, allowUnsafe: false });
    const report = await engine.probe();
    expect(report.available).toBe(false);
    expect(report.fix).toContain("CRUCIBLE_ALLOW_UNSAFE=1");
    await expect(engine.run(spec)).rejects.toBeInstanceOf(EngineUnavailableError);
  });

  it("refuses runs once it is closed", async () => {
    const engine = createBubblewrapEngine(options);
    await engine.close();
    await expect(engine.run(spec)).rejects.toBeInstanceOf(EngineUnavailableError);
  });
});

const whyNotAnotherUser =
  process.getuid?.() !== 0
    ? "needs root to become another user"
    : isReachableByAll(import.meta.dirname) && isReachableByAll(process.execPath)
      ? null
      : "the repository is below a directory that other users cannot enter";

describe("without root", () => {
  it.skipIf(whyNotAnotherUser !== null)(
    `still isolates, says which belts are off, and holds memory by rlimit${whyNotAnotherUser === null ? "" : ` (skipped: ${whyNotAnotherUser})`}`,
    async () => {
      const code = `
import os
print(os.getuid(), [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "Seccomp:", "NoNewPrivs"))])
try:
    bytearray(400 * 1024 * 1024)
except MemoryError:
    print("refused")
sum(range(5_000_000))
`;
      const service = startService({ code, limits: { memoryBytes: 128 * 1024 * 1024 } }, 65_534);
      const report = await service.next();
      expect(report).toMatchObject({ available: true });
      const off = (report["belts"] as { name: string; on: boolean }[])
        .filter((belt) => !belt.on)
        .map((belt) => belt.name);
      expect(off).toEqual(["cgroup-memory", "cgroup-pids", "cgroup-cpu", "uid-per-slot"]);
      let line = await service.next();
      while ("output" in line) line = await service.next();
      expect(line).toMatchObject({
        status: "exited",
        exitCode: 0,
        stdout: "1000 ['0000000000000000', '1', '2']\nrefused\n",
      });
      expect(line["cpuMs"]).toBeGreaterThan(0);
      await service.kill();
    },
  );

  it.skipIf(whyNotAnotherUser !== null)(
    `holds a run at its process limit, or says that it cannot${whyNotAnotherUser === null ? "" : ` (skipped: ${whyNotAnotherUser})`}`,
    async () => {
      const code = `
import os, signal
forked = 0
try:
    for _ in range(100):
        if os.fork() == 0:
            signal.pause()
        forked += 1
except BlockingIOError:
    pass
print(forked)
`;
      const service = startService({ code, limits: { pids: 20 } }, 65_534);
      const report = await service.next();
      const belt = (report["belts"] as { name: string; detail: string }[]).find(({ name }) => name === "cgroup-pids");
      let line = await service.next();
      while ("output" in line) line = await service.next();
      const held = belt?.detail.endsWith("processes are limited by RLIMIT_NPROC") === true;
      expect(line).toMatchObject({ status: "exited", stdout: held ? "20\n" : "100\n" });
      await service.kill();
    },
  );
});
