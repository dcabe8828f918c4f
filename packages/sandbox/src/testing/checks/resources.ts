/** Programs that try to use up the host. Each caps itself, so that a broken engine costs little. */
import assert from "node:assert/strict";
import type { RunOutcome } from "../../types.ts";
import { type Check, type CheckDefinition, checksOf } from "../check.ts";
import { findMarked, newMarker } from "../host/marked-process.ts";
import { whileHostResponds } from "../host/responsiveness.ts";
import { assertStatus, bash, code, describeOutcome, python, runReport, text } from "../programs.ts";

const MiB = 1024 * 1024;
const noCgroup = { notRun: "nothing would hold it back, and the host would feel it" } as const;

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

function assertContained(outcome: RunOutcome): void {
  assert.notEqual(outcome.status, "sandbox_failed", describeOutcome(outcome));
}

const processBombs: CheckDefinition[] = [
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
];

const memoryBombs: CheckDefinition[] = [
  {
    name: "memory-bomb",
    belts: ["cgroup-memory"],
    title: "stops a program that takes all the memory it can get",
    control: noCgroup,
    async run({ engine }) {
      const grow = "kept = []\nfor _ in range(256): kept.append(b'x' * (8 << 20))\nprint('took 2 GiB')";
      const limits = { memoryBytes: 96 * MiB, wallTimeMs: 8_000 };
      const outcome = await whileHostResponds(() => engine.run(python(grow, { limits })));
      assertStatus(outcome, "out_of_memory");
      const peak = outcome.peakMemoryBytes;
      assert.ok(peak !== null && peak > 32 * MiB && peak <= limits.memoryBytes + 4 * MiB, `peak ${peak} bytes`);
    },
  },
  {
    name: "memory-of-children",
    belts: ["cgroup-memory"],
    title: "counts the memory of all processes together",
    incident: "RLIMIT_AS alone: each child gets the whole limit again",
    control: noCgroup,
    async run({ engine }) {
      const share = code`
        import os, time
        for _ in range(6):
            if os.fork() == 0:
                kept = b"x" * (40 << 20)
                time.sleep(1)
                os._exit(0)
        codes = [os.wait()[1] for _ in range(6)]
        print("all lived" if not any(codes) else "some died")
      `;
      const outcome = await whileHostResponds(() =>
        engine.run(python(share, { limits: { memoryBytes: 96 * MiB, wallTimeMs: 8_000 } })),
      );
      assert.ok(!text(outcome.stdout).includes("all lived"), "240 MiB fitted into 96 MiB");
      assert.ok(outcome.limitsHit.includes("memoryBytes"), describeOutcome(outcome));
    },
  },
  ...["/dev/shm", "/tmp"].map((directory): CheckDefinition => ({
    name: `memory-of-files-${directory.split("/").at(-1)}`,
    title: `counts files in ${directory} as memory`,
    belts: ["cgroup-memory"],
    incident: "memory limit circumvented through a tmpfs",
    control: noCgroup,
    async run({ engine }) {
      const fill = code`
          with open("${directory}/fill", "wb") as file:
              for _ in range(192): file.write(b"x" * (1 << 20))
          print("wrote everything")
        `;
      const limits = { memoryBytes: 64 * MiB, diskBytes: 256 * MiB, fileSizeBytes: 256 * MiB, wallTimeMs: 8_000 };
      const outcome = await whileHostResponds(() => engine.run(python(fill, { limits })));
      assert.equal(text(outcome.stdout), "", "192 MiB of files fitted into 64 MiB of memory");
      assertStatus(outcome, "out_of_memory");
    },
  })),
  {
    name: "memory-of-memfd",
    belts: ["cgroup-memory"],
    title: "counts files that exist in memory only",
    incident: "memory limit circumvented through memfd_create or shared mappings",
    control: noCgroup,
    async run({ engine }) {
      const fill = code`
        import mmap, os
        try: fd = os.memfd_create("fill")
        except OSError: fd = None
        if fd is not None:
            for _ in range(96): os.write(fd, b"x" * (1 << 20))
        shared = mmap.mmap(-1, 96 << 20)
        for at in range(0, 96 << 20, 4096): shared[at] = 1
        print("took everything")
      `;
      const limits = { memoryBytes: 64 * MiB, fileSizeBytes: 256 * MiB, wallTimeMs: 8_000 };
      const outcome = await whileHostResponds(() => engine.run(python(fill, { limits })));
      assert.equal(text(outcome.stdout), "", "192 MiB fitted into 64 MiB of memory");
      assertStatus(outcome, "out_of_memory");
    },
  },
  {
    name: "memory-peak",
    belts: ["cgroup-memory"],
    title: "reports the peak of memory, near to what the program took",
    async run({ engine }) {
      const limits = { memoryBytes: 256 * MiB };
      const [small, large] = [
        await engine.run(python("pass", { limits })),
        await engine.run(python("b'x' * (100 << 20)", { limits })),
      ];
      assert.ok(small.peakMemoryBytes !== null && large.peakMemoryBytes !== null, "not measured");
      assert.ok(small.peakMemoryBytes < 80 * MiB, `an empty program took ${small.peakMemoryBytes}`);
      const grown = large.peakMemoryBytes - small.peakMemoryBytes;
      assert.ok(grown > 80 * MiB && grown < 140 * MiB, `100 MiB showed as ${grown} bytes`);
    },
  },
];

const floods: CheckDefinition[] = [
  {
    name: "output-flood",
    title: "stays small and quick when both streams are flooded at once",
    async run({ engine }) {
      const flood = "yes out & yes err >&2 & wait";
      const before = process.memoryUsage.rss();
      const limits = { stdoutBytes: 64 * 1024, stderrBytes: 64 * 1024, wallTimeMs: 8_000 };
      const outcome = await whileHostResponds(() => engine.run(bash(flood, { limits })));
      assertStatus(outcome, "output_exceeded");
      assert.ok(outcome.stdout.length <= limits.stdoutBytes && outcome.stderr.length <= limits.stderrBytes);
      assert.ok(outcome.wallMs < 5_000, `stopped only after ${outcome.wallMs} ms`);
      const grown = process.memoryUsage.rss() - before;
      assert.ok(grown < 96 * MiB, `this process grew by ${grown} bytes`);
    },
  },
  {
    name: "output-dribble",
    title: "takes output in single bytes without standing still",
    incident: "an event for every byte",
    async run({ engine }) {
      const dribble = "import os\nfor _ in range(100_000): os.write(1, b'x')";
      const outcome = await whileHostResponds(() => engine.run(python(dribble)));
      assertStatus(outcome, "exited");
      assert.equal(outcome.stdout.length, 100_000);
    },
  },
  {
    name: "all-at-once",
    belts: ["cgroup-pids", "cgroup-memory", "cgroup-cpu"],
    title: "keeps the host and a quiet run going under bombs of every kind at once",
    control: noCgroup,
    async run({ engine }) {
      const limits = { pids: 48, memoryBytes: 96 * MiB, wallTimeMs: 2_000, stdoutBytes: 1_000_000, cpus: 0.5 };
      const bombs = [
        python("import os\nfor _ in range(11):\n  try: os.fork()\n  except OSError: pass\nwhile True: pass", {
          limits,
        }),
        python("kept = []\nfor _ in range(256): kept.append(b'x' * (8 << 20))", { limits }),
        bash("yes & yes >&2 & exec yes", { limits }),
        bash("while :; do (true); done", { limits }),
        bash("i=0; while :; do i=$((i + 1)); echo x > $i || break; [ $i -lt 50000 ] || break; done; exit 1", {
          limits,
        }),
      ];
      const attacks = whileHostResponds(() => Promise.all(bombs.map((bomb) => engine.run(bomb))));
      const quiet = await engine.run(python("print(sum(range(1000)))"));
      for (const outcome of await attacks) {
        assert.ok(outcome.status !== "sandbox_failed" && outcome.wallMs < 6_000, describeOutcome(outcome));
      }
      assertStatus(quiet, "exited");
      assert.equal(text(quiet.stdout), "499500\n");
    },
  },
  {
    name: "disk-flood",
    title: "holds every place where a program can write at its disk limit",
    incident: "an unlimited tmpfs at / or /dev beside the limited ones",
    control: { notRun: "it would fill the host's disk" },
    async run({ engine }) {
      // Finds every writable directory by itself, and puts at most 24 MiB into each.
      const flood = code`
        import json, os
        written = {}
        for folder, below, _ in os.walk("/"):
            if folder.startswith("/proc/") or folder.count("/") > 4:
                below.clear()
                continue
            path = os.path.join(folder, "flood")
            total = 0
            try:
                with open(path, "wb", buffering=0) as file:
                    for _ in range(24): total += file.write(b"x" * (1 << 20))
            except OSError:
                pass
            if total: written[folder] = total
            try: os.unlink(path)
            except OSError: pass
        print(json.dumps(written))
      `;
      const limits = { diskBytes: 4 * MiB, memoryBytes: 256 * MiB, wallTimeMs: 9_000 };
      const outcome = await whileHostResponds(() => engine.run(python(flood, { limits })));
      const written = JSON.parse(text(outcome.stdout) || "null") as Record<string, number> | null;
      assert.ok(written !== null && Object.keys(written).length > 0, describeOutcome(outcome));
      const over = Object.entries(written).filter(([, total]) => total > limits.diskBytes);
      assert.deepEqual(over, [], "these directories took more than the limit");
    },
  },
  {
    name: "inode-flood",
    belts: ["cgroup-memory"],
    title: "bounds the memory that empty files cost",
    incident: "tmpfs with a size limit and without a limit on inodes",
    control: { notRun: "it would leave a hundred thousand files on the host" },
    async run({ engine }) {
      const flood = code`
        import os
        for n in range(100_000):
            os.close(os.open(f"/tmp/empty{n}", os.O_CREAT | os.O_WRONLY))
        print("made them all")
      `;
      const limits = { memoryBytes: 48 * MiB, diskBytes: 8 * MiB, wallTimeMs: 6_000 };
      const outcome = await whileHostResponds(() => engine.run(python(flood, { limits })));
      assertContained(outcome);
      assert.ok(
        !text(outcome.stdout).includes("made them all"),
        "100,000 inodes (about 100 MB of kernel memory) fitted into 48 MiB",
      );
    },
  },
  {
    name: "open-files-bomb",
    title: "holds a program at its number of open files",
    async run({ engine }) {
      const open = code`
        import json, os
        opened = 0
        try:
            while opened < 20_000:
                os.open("/dev/null", os.O_RDONLY)
                opened += 1
        except OSError:
            pass
        print(json.dumps(opened))
      `;
      const opened = await runReport<number>(engine, python(open, { limits: { openFiles: 64 } }));
      assert.ok(opened > 32 && opened < 64, `${opened} files opened, 64 allowed`);
    },
  },
  {
    name: "limits-cannot-be-raised",
    title: "does not let a program raise its own limits",
    control: { mayPass: "needs root or CAP_SYS_RESOURCE on the host" },
    async run({ engine }) {
      const raise = code`
        import json, resource
        raised = []
        for name in ("NOFILE", "FSIZE", "NPROC", "CPU", "CORE"):
            kind = getattr(resource, "RLIMIT_" + name)
            soft, hard = resource.getrlimit(kind)
            if hard == resource.RLIM_INFINITY: continue
            try:
                resource.setrlimit(kind, (hard + 1, hard + 1))
                raised.append(name)
            except (OSError, ValueError):
                pass
        core = resource.getrlimit(resource.RLIMIT_CORE)[1]
        print(json.dumps([raised, core]))
      `;
      const [raised, core] = await runReport<[string[], number]>(engine, python(raise));
      assert.deepEqual(raised, []);
      assert.equal(core, 0, "core dumps are possible, and may be handled by a program of the host");
    },
  },
];

/** Group `resources`. */
export const resourceChecks: readonly Check[] = checksOf("resources", [...processBombs, ...memoryBombs, ...floods]);
