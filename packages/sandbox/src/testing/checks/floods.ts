/** Programs that flood output, disk, inodes and descriptors. Each caps itself. */
import assert from "node:assert/strict";
import { type Check, checksOf } from "../check.ts";
import { whileHostResponds } from "../host/responsiveness.ts";
import { assertStatus, bash, code, describeOutcome, python, runReport, text } from "../programs.ts";
import { assertContained, MiB, noCgroup } from "./contained.ts";

/** Group `resources`: output, disk, descriptors. */
export const floodChecks: readonly Check[] = checksOf("resources", [
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
      const dribble = "import os\nfor _ in range(40_000): os.write(1, b'x')";
      // So many system calls: a kernel of the sandbox's own takes seconds for them.
      const limits = { wallTimeMs: 40_000, cpuTimeMs: 40_000 };
      const outcome = await whileHostResponds(() => engine.run(python(dribble, { limits })));
      assertStatus(outcome, "exited");
      assert.equal(outcome.stdout.length, 40_000);
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
        # The system directories are read-only, which another check proves; what is mounted in them is looked at.
        skipped = {"/proc", "/usr", "/lib", "/lib64"}
        mounted = [line.split()[4] for line in open("/proc/self/mountinfo")]
        places = [point for point in mounted if os.path.isdir(point) and not point.startswith("/proc")]
        for folder, below, _ in os.walk("/"):
            if folder in skipped or folder.count("/") > 4: below.clear()
            if folder not in skipped: places.append(folder)
        for folder in places:
            if folder in written: continue
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
]);
