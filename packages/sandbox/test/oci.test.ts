import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createCrunEngine, createGvisorEngine, createRuncEngine } from "../src/oci/engine.ts";
import { EngineUnavailableError } from "../src/errors.ts";
import { bash, c, code, describeOutcome, python, runReport, runToEnd, text } from "../src/testing/programs.ts";

const options = {
  languages: await detectLanguages(["python", "bash", "c"]),
  bounds: { min: MIN_LIMITS, max: MAX_LIMITS },
  slots: 1,
};
const RUNTIMES = [
  { name: "runc", create: createRuncEngine, path: "/usr/sbin/runc", fix: "apt-get install runc" },
  { name: "gvisor", create: createGvisorEngine, path: "/usr/bin/runsc", fix: "apt-get install runsc" },
] as const;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "oci-test-"));
  chmodSync(dir, 0o755);
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

describe.each(RUNTIMES)("$name", ({ create, path, fix }) => {
  it("is refused where the runtime is missing, with what installs it", async () => {
    await using engine = create({ ...options, runtimePath: join(dir, "none") });
    const report = await engine.probe();
    expect(report).toMatchObject({ available: false, belts: [] });
    expect(report.fix).toContain(fix);
    await expect(engine.run(bash("echo ran"))).rejects.toBeInstanceOf(EngineUnavailableError);
  });

  it("refuses when the runtime disappears between two runs, and runs nothing without it", async () => {
    const runtimePath = join(dir, "runtime");
    copyFileSync(path, runtimePath);
    chmodSync(runtimePath, 0o755);
    await using engine = create({ ...options, runtimePath });
    expect((await engine.run(bash("exit 0"))).exitCode).toBe(0);
    rmSync(runtimePath);
    await expect(engine.run(bash("echo ran"))).rejects.toMatchObject({ code: "engine_unavailable" });
  });

  it("asks once what it can do, and answers from memory", async () => {
    await using engine = create(options);
    const first = await engine.probe();
    expect(first).toMatchObject({ available: true, reason: null });
    expect(await engine.probe()).toBe(first);
  });

  it("goes on with the program as soon as the compiler has ended", async () => {
    await using engine = create(options);
    await engine.probe();
    const startedAt = performance.now();
    const outcome = await engine.run(c('#include <stdio.h>\n#warning said\nint main(void) { puts("ran"); }'));
    const tookMs = performance.now() - startedAt;
    expect(text(outcome.stdout)).toBe("ran\n");
    expect(text(outcome.compile?.stderr ?? new Uint8Array())).toContain("said");
    // Whoever waits for streams that stay open waits 2 s for them.
    expect(tookMs - outcome.setupMs - outcome.wallMs - (outcome.compile?.wallMs ?? 0)).toBeLessThan(1_800);
  });

  it("ends at once with a program that floods its output, though the runtime still holds some of it", async () => {
    await using engine = create({ ...options, slots: 4 });
    const floods = ["exec yes", "yes & yes >&2 & wait", "yes >&2 & exec yes"];
    // One in seven or so of such runs waited 5 s for a runtime that waited for a reader.
    const afterwardsMs = await Promise.all(
      Array.from({ length: 18 }, async (_, n) => {
        const startedAt = performance.now();
        const outcome = await engine.run(
          bash(floods[n % 3] ?? "", { limits: { stdoutBytes: 1_000, stderrBytes: 1_000 } }),
        );
        expect(outcome.status, describeOutcome(outcome)).toBe("output_exceeded");
        return performance.now() - startedAt - outcome.setupMs - outcome.wallMs;
      }),
    );
    expect(Math.max(...afterwardsMs)).toBeLessThan(4_000);
  });

  it("lets a program reach neither the memory of its launcher nor the socket to it", async () => {
    await using engine = create(options);
    const look = code`
      import json, os
      opened = []
      for name in ("mem", "fd/3", "fd/7"):
          try:
              with open(f"/proc/1/{name}", "rb") as file: opened.append([name, len(file.read(1))])
          except OSError: pass
      print(json.dumps(opened))
    `;
    expect(await runReport(engine, python(look))).toEqual([]);
  });
});

describe("crun", () => {
  it("runs programs, or says from a trial why it cannot", async () => {
    await using engine = createCrunEngine(options);
    const report = await engine.probe();
    expect(report.version).toMatch(/^\d/);
    if (report.available) {
      expect(text((await runToEnd(engine, bash("echo ran"))).stdout)).toBe("ran\n");
      return;
    }
    // crun 1.8 on hosts that mount both versions of control groups.
    expect(report.reason).toContain("cannot start a container here: ");
    expect(report.fix).not.toBeNull();
    expect(report.belts.filter(({ on }) => on)).toEqual([]);
    const outcome = await engine.run(bash("echo ran"));
    expect(outcome).toMatchObject({ status: "sandbox_failed", exitCode: null });
    expect(text(outcome.stdout)).toBe("");
  });
});

describe("gVisor's kernel", () => {
  it("refuses processes over the limit, though it does not count what it refused", async () => {
    await using engine = createGvisorEngine(options);
    const bomb = code`
      import os, signal
      forked = 0
      try:
          for _ in range(100):
              if os.fork() == 0: signal.pause()
              forked += 1
      except OSError: pass
      print(forked, flush=True)
      os.kill(0, signal.SIGKILL)
    `;
    const outcome = await engine.run(python(bomb, { limits: { pids: 20 } }));
    expect(outcome).toMatchObject({ status: "signaled", signal: "SIGKILL" });
    expect(text(outcome.stdout)).toBe("19\n");
  });

  it("lets programs wait with select()", async () => {
    await using engine = createGvisorEngine(options);
    const wait = "import select; print(select.select([], [], [], 0.01))";
    expect(text((await runToEnd(engine, python(wait))).stdout)).toBe("([], [], [])\n");
  });

  it("runs as nobody on the host, and its file server as a user of the slot's", async () => {
    await using engine = createGvisorEngine({ ...options, slots: 1 });
    const uids = (): string[] =>
      readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name))
        .flatMap((pid) => {
          try {
            const command = readFileSync(`/proc/${pid}/cmdline`, "latin1");
            if (!command.includes(`crucible-oci-p${process.pid}-`)) return [];
            const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "?";
            return [`${command.split("\0")[0]} ${uid}`];
          } catch {
            return [];
          }
        });
    let seen: string[] = [];
    const abort = new AbortController();
    await engine.run(bash("echo up; sleep 30"), {
      signal: abort.signal,
      onOutput: () => {
        seen = uids();
        abort.abort();
      },
    });
    expect(seen.filter((one) => one.startsWith("runsc-sandbox"))).toEqual(["runsc-sandbox 65534"]);
    const gofer = seen.find((one) => one.startsWith("runsc-gofer"));
    expect(Number(gofer?.split(" ")[1])).toBeGreaterThan(2 ** 31 - 1);
  });
});
