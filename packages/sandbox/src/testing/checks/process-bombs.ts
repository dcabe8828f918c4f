/** Programs that try to use up processes and processor time. Each caps itself, so that a broken engine costs little. */
import assert from "node:assert/strict";
import { type Check, checksOf } from "../check.ts";
import { findMarked, newMarker } from "../host/marked-process.ts";
import { whileHostResponds } from "../host/responsiveness.ts";
import { assertStatus, code, describeOutcome, python, text } from "../programs.ts";
import { assertContained, MiB, noCgroup } from "./contained.ts";

/** Largest number of marked Python processes seen at once while the work goes on; what starts them does not count. */
async function mostProcesses<T>(marker: string, work: () => Promise<T>): Promise<[T, number]> {
  let working = true;
  let most = 0;
  const watch = (async () => {
    while (working) {
      const programs = (await findMarked(marker)).filter(({ command }) => /^\S*python/.test(command));
      most = Math.max(most, programs.length);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    return [await work(), most];
  } finally {
    working = false;
    await watch;
  }
}

/** Group `resources`: processes, threads, processor time. */
export const processBombChecks: readonly Check[] = checksOf("resources", [
  {
    name: "fork-bomb",
    belts: ["cgroup-pids"],
    title: "holds a doubling fork bomb at its process limit, and the host goes on",
    incident: "fork chain that froze the host under bubblewrap without a pids limit (codex#38909)",
    control: noCgroup,
    async run({ engine }) {
      const marker = newMarker();
      const bomb = code`
        import os, sys, time
        refused = 0
        for _ in range(11):
            try: os.fork()
            except OSError: refused += 1
        time.sleep(1)
        if refused == 0: print("never refused")
      `;
      const limits = { pids: 48, wallTimeMs: 3_000, memoryBytes: 512 * MiB };
      const [outcome, most] = await mostProcesses(marker, () =>
        whileHostResponds(() => engine.run(python(bomb, { args: [marker], limits }))),
      );
      assertContained(outcome);
      assert.ok(most > 1, "the bomb never started, or could not be seen");
      assert.ok(most <= limits.pids, `${most} processes at once, ${limits.pids} allowed`);
      assert.ok(outcome.limitsHit.includes("pids"), describeOutcome(outcome));
      assert.deepEqual(await findMarked(marker), []);
    },
  },
  {
    name: "neighbour",
    belts: ["cgroup-pids"],
    title: "lets another run work normally beside a fork bomb and busy loops",
    control: noCgroup,
    async run({ engine }) {
      const bomb = "import os\nfor _ in range(11):\n  try: os.fork()\n  except OSError: pass\nwhile True: pass";
      const abort = new AbortController();
      const attack = engine.run(python(bomb, { limits: { pids: 48, wallTimeMs: 8_000 } }), { signal: abort.signal });
      try {
        const outcome = await engine.run(python("print(sum(range(1000)))", { limits: { wallTimeMs: 5_000 } }));
        assertStatus(outcome, "exited");
        assert.equal(text(outcome.stdout), "499500\n");
      } finally {
        abort.abort();
        assertContained(await attack);
      }
    },
  },
  {
    name: "thread-bomb",
    belts: ["cgroup-pids"],
    title: "counts threads as processes",
    control: noCgroup,
    async run({ engine }) {
      const bomb = code`
        import json, os, threading, time
        threading.stack_size(65536)
        started = 0
        try:
            for _ in range(2000):
                threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
                started += 1
        except RuntimeError:
            pass
        print(json.dumps(started), flush=True)
        os._exit(0)
      `;
      const limits = { pids: 32, wallTimeMs: 8_000 };
      const outcome = await whileHostResponds(() => engine.run(python(bomb, { limits })));
      assertStatus(outcome, "exited");
      const started = Number(text(outcome.stdout));
      assert.ok(started > 0 && started < limits.pids, `${started} threads, ${limits.pids} allowed`);
      assert.ok(outcome.limitsHit.includes("pids"), describeOutcome(outcome));
    },
  },
  {
    name: "zombie-farm",
    belts: ["cgroup-pids"],
    title: "counts dead children that nobody waits for",
    control: noCgroup,
    async run({ engine }) {
      const farm = code`
        import json, os
        dead = 0
        try:
            for _ in range(2000):
                if os.fork() == 0: os._exit(0)
                dead += 1
        except OSError:
            pass
        print(json.dumps(dead))
      `;
      const limits = { pids: 32, wallTimeMs: 8_000 };
      const outcome = await whileHostResponds(() => engine.run(python(farm, { limits })));
      assertStatus(outcome, "exited");
      const dead = Number(text(outcome.stdout));
      assert.ok(dead > 0 && dead < limits.pids, `${dead} dead children, ${limits.pids} allowed`);
      assert.ok(outcome.limitsHit.includes("pids"), describeOutcome(outcome));
    },
  },
  {
    name: "cpu-together",
    belts: ["cgroup-cpu"],
    title: "adds up the processor time of many processes",
    control: noCgroup,
    async run({ engine }) {
      const burn = code`
        import os
        for _ in range(3): os.fork()
        while True: pass
      `;
      const outcome = await whileHostResponds(() =>
        engine.run(python(burn, { limits: { cpuTimeMs: 600, cpus: 1, wallTimeMs: 8_000 } })),
      );
      assertStatus(outcome, "cpu_exceeded");
      assert.ok(outcome.limitsHit.includes("cpuTimeMs"), describeOutcome(outcome));
      assert.ok(
        outcome.cpuMs !== null && outcome.cpuMs >= 500 && outcome.cpuMs < 1_800,
        `used ${outcome.cpuMs} ms of 600`,
      );
    },
  },
  {
    name: "cpu-of-the-dead",
    belts: ["cgroup-cpu"],
    title: "counts the processor time of children that have ended",
    incident: "RLIMIT_CPU alone: short-lived children compute for ever",
    control: noCgroup,
    async run({ engine }) {
      const relay = code`
        import os, time
        for _ in range(60):
            if os.fork() == 0:
                end = time.process_time() + 0.15
                while time.process_time() < end: pass
                os._exit(0)
            os.wait()
      `;
      const outcome = await engine.run(python(relay, { limits: { cpuTimeMs: 800, wallTimeMs: 12_000 } }));
      assertStatus(outcome, "cpu_exceeded");
    },
  },
  {
    name: "cpu-share",
    belts: ["cgroup-cpu"],
    title: "gives a run no more cores than it may use at once",
    control: noCgroup,
    async run({ engine }) {
      const burn = code`
        import os, time
        end = time.monotonic() + 1.2
        for _ in range(2): os.fork()
        while time.monotonic() < end: pass
      `;
      const outcome = await engine.run(python(burn, { limits: { cpus: 0.1, wallTimeMs: 8_000 } }));
      assert.ok(outcome.cpuMs !== null, "processor time is not measured");
      assert.ok(outcome.cpuMs < 320, `used ${outcome.cpuMs} ms in ${outcome.wallMs} ms with a tenth of a core`);
    },
  },
]);
