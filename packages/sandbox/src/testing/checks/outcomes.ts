/** Each way for a run to end, told apart from the others. */
import assert from "node:assert/strict";
import { MIN_LIMITS } from "../../limits.ts";
import type { Check, CheckDefinition } from "../check.ts";
import { checksOf } from "../check.ts";
import { assertExit, assertStatus, bash, code, describeOutcome, python, text } from "../programs.ts";

const MiB = 1024 * 1024;

/** Signals that end a program which does it to itself. */
const SIGNALS = ["SIGSEGV", "SIGABRT", "SIGKILL", "SIGTERM", "SIGHUP", "SIGFPE", "SIGINT", "SIGPIPE"];
/** Ordinary codes, and those that a shell uses for "ended by a signal". */
const EXIT_CODES = [0, 1, 2, 42, 64, 125, 126, 127, 128, 129, 134, 137, 139, 143, 159, 254, 255];

const signalChecks = SIGNALS.map((signal): CheckDefinition => ({
  name: `signaled-${signal.slice(3).toLowerCase()}`,
  title: `names ${signal} when it ends the program`,
  incident: "a program that is process 1 of its namespace does not die of its own signals",
  async run({ engine }) {
    // The shell gives the signal its default action back, which Python changes for some.
    const outcome = await engine.run(bash(`trap - ${signal}; kill -${signal.slice(3)} $$; sleep 5`));
    assertStatus(outcome, "signaled");
    assert.equal(outcome.signal, signal, describeOutcome(outcome));
    assert.equal(outcome.exitCode, null, describeOutcome(outcome));
  },
}));

/** Three at a time: each is quick, and the sum of them is not. */
async function inLanes(values: readonly number[], run: (value: number) => Promise<void>): Promise<void> {
  const left = values.values();
  const lane = async (): Promise<void> => {
    for (const value of left) await run(value);
  };
  await Promise.all([lane(), lane(), lane()]);
}

const ends: CheckDefinition[] = [
  {
    name: "exit-codes",
    title: "passes exit codes on, also those that look like a shell's report of a signal",
    incident: "exit(137) taken for an out-of-memory kill",
    async run({ engine }) {
      await Promise.all(
        EXIT_CODES.map(async (exitCode) => {
          const outcome = await engine.run(bash(`exit ${exitCode}`));
          assertExit(outcome, exitCode);
          assert.equal(outcome.signal, null, describeOutcome(outcome));
        }),
      );
    },
  },
  {
    name: "identity",
    title: "says in the outcome which engine, level, language and limits the run had",
    async run({ engine }) {
      const outcome = await engine.run(python("pass", { limits: { wallTimeMs: 4_321 } }));
      assertExit(outcome, 0);
      assert.equal(outcome.engine, engine.name);
      assert.equal(outcome.isolation, engine.isolation);
      assert.equal(outcome.language, "python");
      assert.match(outcome.languageVersion ?? "", /\d+\.\d+/);
      assert.equal(outcome.limits.wallTimeMs, 4_321);
      assert.equal(outcome.compile, null);
      assert.deepEqual(outcome.limitsHit, []);
      assert.ok(outcome.wallMs > 0 && outcome.setupMs >= 0, describeOutcome(outcome));
    },
  },
  {
    name: "probe",
    title: "reports itself available, with its level and its belts, when it runs programs",
    async run({ engine }) {
      const report = await engine.probe();
      assert.equal(report.available, true, report.reason ?? "");
      assert.equal(report.engine, engine.name);
      assert.equal(report.isolation, engine.isolation);
      for (const belt of report.belts)
        assert.ok(belt.on || belt.detail !== "", `belt ${belt.name} is off without a reason`);
    },
  },
  {
    name: "timed-out",
    alone: true,
    title: "ends a sleeping program at its wall time",
    incident: "execution time-out that left the process running (inspect_ai#2779)",
    async run({ engine }) {
      const startedAt = performance.now();
      const outcome = await engine.run(
        python("import time; print('up', flush=True); time.sleep(60)", { limits: { wallTimeMs: 500 } }),
      );
      assertStatus(outcome, "timed_out");
      assert.ok(outcome.limitsHit.includes("wallTimeMs"), describeOutcome(outcome));
      assert.ok(outcome.wallMs >= 450, `stopped early, after ${outcome.wallMs} ms`);
      assert.ok(performance.now() - startedAt < 2_500, `took ${Math.round(performance.now() - startedAt)} ms`);
      assert.equal(text(outcome.stdout), "up\n", "what was printed before the end is kept");
    },
  },
  {
    name: "cpu-exceeded",
    alone: true,
    title: "ends a busy loop at its processor time, before its wall time",
    async run({ engine }) {
      const outcome = await engine.run(
        bash("while :; do :; done", { limits: { cpuTimeMs: 1_000, wallTimeMs: 8_000 } }),
      );
      assertStatus(outcome, "cpu_exceeded");
      assert.ok(outcome.limitsHit.includes("cpuTimeMs"), describeOutcome(outcome));
      assert.ok(outcome.cpuMs === null || outcome.cpuMs < 2_500, `used ${outcome.cpuMs} ms`);
    },
  },
  {
    name: "out-of-memory",
    alone: true,
    belts: ["cgroup-memory"],
    title: "ends a program that allocates more than its memory",
    async run({ engine }) {
      const grow = code`
        kept = []
        for _ in range(300):
            kept.append(bytearray(b"x") * (1 << 20))
        print("allocated everything")
      `;
      const outcome = await engine.run(python(grow, { limits: { memoryBytes: 64 * MiB } }));
      assert.equal(text(outcome.stdout), "", describeOutcome(outcome));
      assertStatus(outcome, "out_of_memory");
      assert.ok(outcome.limitsHit.includes("memoryBytes"), describeOutcome(outcome));
    },
  },
  {
    name: "file-size-exceeded",
    title: "ends a program that writes a larger file than allowed",
    async run({ engine }) {
      const write = bash("exec dd if=/dev/zero of=large bs=65536 count=64", { limits: { fileSizeBytes: 1 * MiB } });
      const outcome = await engine.run(write);
      assertStatus(outcome, "disk_exceeded");
      assert.ok(outcome.limitsHit.includes("fileSizeBytes"), describeOutcome(outcome));
    },
  },
  ...["$PWD", "/tmp"].map((directory): CheckDefinition => ({
    name: `disk-exceeded-${directory === "/tmp" ? "tmp" : "cwd"}`,
    title: `reports a full disk in ${directory === "/tmp" ? "/tmp" : "the working directory"}`,
    control: { notRun: "there is no disk limit, so it would fill the host's disk" },
    async run({ engine }) {
      const fill = code`
          set -e
          for i in $(seq 1 24); do dd if=/dev/zero of="${directory}/part$i" bs=262144 count=4 status=none; done
          echo wrote everything
        `;
      const outcome = await engine.run(bash(fill, { limits: { diskBytes: 4 * MiB, memoryBytes: 256 * MiB } }));
      assert.equal(text(outcome.stdout), "", describeOutcome(outcome));
      assertStatus(outcome, "disk_exceeded");
      assert.ok(outcome.limitsHit.includes("diskBytes"), describeOutcome(outcome));
    },
  })),
  {
    name: "cancelled-before",
    title: "starts nothing when it is cancelled before it began",
    async run({ engine }) {
      const seen: string[] = [];
      const outcome = await engine.run(bash("echo ran"), {
        signal: AbortSignal.abort(),
        onOutput: (chunk) => seen.push(text(chunk.bytes)),
      });
      assertStatus(outcome, "cancelled");
      assert.deepEqual(seen, []);
      assert.equal(text(outcome.stdout), "");
    },
  },
  {
    name: "cancelled-during",
    alone: true,
    title: "gives output while the program runs, and ends it at once when cancelled",
    async run({ engine }) {
      const abort = new AbortController();
      const startedAt = performance.now();
      const outcome = await engine.run(
        python("import time\nprint('up', flush=True)\ntime.sleep(60)", { limits: { wallTimeMs: 8_000 } }),
        {
          signal: abort.signal,
          // Only a chunk that arrives during the run can cancel it.
          onOutput: () => abort.abort(),
        },
      );
      assertStatus(outcome, "cancelled");
      assert.equal(text(outcome.stdout), "up\n");
      assert.ok(performance.now() - startedAt < 4_000, `took ${Math.round(performance.now() - startedAt)} ms`);
    },
  },
  {
    name: "cancelled-after",
    title: "keeps the outcome of a finished run when the signal comes later",
    async run({ engine }) {
      const abort = new AbortController();
      const outcome = await engine.run(bash("echo done"), { signal: abort.signal });
      abort.abort();
      assertExit(outcome, 0);
    },
  },
  {
    name: "cancelled-any-moment",
    alone: true,
    title: "gives `cancelled` or the program's own end, whenever the signal comes",
    incident: "a signal between two steps of the set-up that was lost, or taken for a failure",
    async run({ engine }) {
      await inLanes(
        Array.from({ length: 18 }, (_, n) => n * 5),
        async (delayMs) => {
          const startedAt = performance.now();
          const outcome = await engine.run(python("print('done')"), { signal: AbortSignal.timeout(delayMs) });
          assert.ok(
            outcome.status === "cancelled" || outcome.status === "exited",
            `after ${delayMs} ms: ${describeOutcome(outcome)}`,
          );
          assert.ok(performance.now() - startedAt < 4_000, `after ${delayMs} ms: took too long`);
        },
      );
    },
  },
  {
    name: "timed-out-any-moment",
    alone: true,
    title: "gives `timed_out` or the program's own end, however short its time",
    async run({ engine }) {
      await inLanes([1, 2, 3, 5, 8, 12, 18, 25, 35, 50], async (wallTimeMs) => {
        const outcome = await engine.run(python("print('done')", { limits: { wallTimeMs } }));
        assert.ok(
          outcome.status === "timed_out" || outcome.status === "exited",
          `${wallTimeMs} ms: ${describeOutcome(outcome)}`,
        );
      });
    },
  },
  ...Object.entries(MIN_LIMITS).map(([name, value]): CheckDefinition => ({
    name: `smallest-${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    title: `does not blame the sandbox for the smallest ${name} (${value})`,
    incident: "a limit of the caller reported as the platform's fault",
    async run({ engine }) {
      const outcome = await engine.run(bash("echo done", { limits: { [name]: value } }));
      assert.notEqual(outcome.status, "sandbox_failed", describeOutcome(outcome));
    },
  })),
];

/** Group `outcomes`: statuses. */
export const outcomeChecks: readonly Check[] = checksOf("outcomes", [...ends, ...signalChecks]);
