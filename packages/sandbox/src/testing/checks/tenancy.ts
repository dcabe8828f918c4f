/** Runs beside each other know nothing of each other. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { homedir } from "node:os";
import { type Check, checksOf } from "../check.ts";
import { halves, newMarker } from "../host/marked-process.ts";
import { assertExit, bash, code, python, runReport, text } from "../programs.ts";
import { startHeldRun } from "./held-run.ts";

/** More than an engine of the contract runs at once, so that some wait. */
const PARALLEL = 12;

/** Group `tenancy`. */
export const tenancyChecks: readonly Check[] = checksOf("tenancy", [
  {
    name: "parallel-io",
    title: `gives each of ${PARALLEL} parallel runs its own input, arguments, variables, files, output and exit code`,
    incident: "results swapped between submissions",
    async run({ engine }) {
      const source = code`
        import os, sys
        parts = [sys.argv[1], os.environ["TOKEN"], sys.stdin.read(), open("token.txt").read()]
        open("written.txt", "w").write(sys.argv[1])
        print("\n".join(parts + [open("written.txt").read()]))
        print(sys.argv[1], file=sys.stderr)
        sys.exit(int(sys.argv[2]))
      `;
      await Promise.all(
        Array.from({ length: PARALLEL }, async (_, n) => {
          const token = newMarker();
          const spec = python(source, { args: [token, `${n}`], env: { TOKEN: token }, stdin: token });
          const chunks: string[] = [];
          const outcome = await engine.run(
            { ...spec, files: [...spec.files, { path: "token.txt", content: new TextEncoder().encode(token) }] },
            { onOutput: ({ stream, bytes }) => void (stream === "stdout" && chunks.push(text(bytes))) },
          );
          assertExit(outcome, n);
          assert.equal(text(outcome.stdout), `${token}\n`.repeat(5));
          assert.equal(text(outcome.stderr), `${token}\n`);
          assert.equal(chunks.join(""), text(outcome.stdout));
        }),
      );
    },
  },
  {
    name: "parallel-places",
    title: `shows each of ${PARALLEL} parallel runs only its own files in /tmp, /dev/shm, /var/tmp and HOME`,
    incident: "/dev/shm shared by all sandboxes as a side channel (isolate 2.6)",
    control: "fails",
    async run({ engine }) {
      const family = newMarker();
      const source = code`
        import json, os, sys, time
        places = ["/tmp", "/dev/shm", "/var/tmp", os.environ.get("HOME", "/tmp")]
        for place in places:
            try: open(os.path.join(place, sys.argv[1] + sys.argv[2]), "w").close()
            except OSError: pass
        time.sleep(0.2)
        seen = set()
        for place in places:
            try: seen |= {name for name in os.listdir(place) if name.startswith(sys.argv[1])}
            except OSError: pass
        print(json.dumps(sorted(seen)))
      `;
      try {
        const ends = await Promise.allSettled(
          Array.from({ length: PARALLEL }, async (_, n) => {
            const seen = await runReport<string[]>(engine, python(source, { args: [family, `-${n}`] }));
            assert.deepEqual(seen, [`${family}-${n}`]);
          }),
        );
        // Not before all have ended: those that were waiting would write after the files are removed.
        for (const end of ends) if (end.status === "rejected") throw end.reason;
      } finally {
        const names = Array.from({ length: PARALLEL }, (_, n) => `${family}-${n}`);
        const places = ["/tmp", "/dev/shm", "/var/tmp", homedir()];
        await Promise.all(places.flatMap((place) => names.map((name) => rm(join(place, name), { force: true }))));
      }
    },
  },
  {
    name: "see-others",
    title: "does not let a run see the processes of another",
    control: "fails",
    async run({ engine }) {
      const marker = newMarker();
      const other = await startHeldRun(engine, { args: [marker] });
      try {
        const search = code`
          import json, os, sys
          wanted = (sys.argv[1] + sys.argv[2]).encode()
          found = []
          for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
              try:
                  if wanted in open(f"/proc/{pid}/cmdline", "rb").read(): found.append(int(pid))
              except OSError: pass
          print(json.dumps(found))
        `;
        assert.deepEqual(await runReport<number[]>(engine, python(search, { args: halves(marker) })), []);
      } finally {
        await other.release();
      }
    },
  },
  {
    name: "signal-others",
    title: "does not let a run end another",
    control: { notRun: "it would signal every process of the host" },
    async run({ engine }) {
      let disturbed = true;
      const other = engine.run(python("import time; print('up', flush=True); time.sleep(1.5); print('undisturbed')"));
      const attack = code`
        import os, signal, sys
        if len([name for name in os.listdir("/proc") if name.isdigit()]) > 12: sys.exit(3)
        try: os.kill(-1, signal.SIGKILL)
        except OSError: pass
        for pid in range(1, 400):
            if pid not in (os.getpid(), os.getppid()):
                try: os.kill(pid, signal.SIGKILL)
                except OSError: pass
      `;
      const attackers = await Promise.all([engine.run(python(attack)), engine.run(python(attack))]);
      const outcome = await other;
      for (const attacker of attackers)
        assert.notEqual(attacker.exitCode, 3, "the attacker saw more than its own processes");
      disturbed = !text(outcome.stdout).includes("undisturbed");
      assert.equal(disturbed, false, "the other run was disturbed");
      assertExit(outcome, 0);
    },
  },
  {
    name: "cancel-one",
    title: "cancels one of several runs and lets the others finish",
    async run({ engine }) {
      const abort = new AbortController();
      const runs = Array.from({ length: 4 }, (_, n) =>
        engine.run(
          python(`import time; print("up", flush=True); time.sleep(0.4); print(${n})`),
          n === 2 ? { signal: abort.signal, onOutput: () => abort.abort() } : {},
        ),
      );
      const outcomes = await Promise.all(runs);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ["exited", "exited", "cancelled", "exited"],
      );
      assert.deepEqual(
        [0, 1, 3].map((n) => text(outcomes[n]?.stdout ?? new Uint8Array())),
        ["up\n0\n", "up\n1\n", "up\n3\n"],
      );
    },
  },
  {
    name: "output-not-left",
    title: "gives no run what an earlier one wrote after its output was cut",
    incident: "pipes used again for the next run with the last one's bytes in them",
    async run({ engine }) {
      for (let round = 0; round < 2; round += 1) {
        await Promise.all(
          Array.from({ length: 8 }, () =>
            engine.run(bash("yes leaked & yes leaked >&2 & wait", { limits: { stdoutBytes: 100, wallTimeMs: 5_000 } })),
          ),
        );
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, () => engine.run(bash("echo mine; echo mine >&2"))),
        );
        for (const outcome of outcomes) {
          assertExit(outcome, 0);
          assert.deepEqual([text(outcome.stdout), text(outcome.stderr)], ["mine\n", "mine\n"]);
        }
      }
    },
  },
  {
    name: "cancel-waiting",
    title: "cancels runs that have not begun without touching those that have",
    async run({ engine }) {
      const abort = new AbortController();
      const kept = Array.from({ length: PARALLEL }, () => engine.run(python("import time; time.sleep(0.2)")));
      const dropped = Array.from({ length: PARALLEL }, () =>
        engine.run(python("print('ran')"), { signal: abort.signal }),
      );
      abort.abort();
      for (const outcome of await Promise.all(dropped)) {
        assert.equal(outcome.status, "cancelled");
        assert.equal(text(outcome.stdout), "");
      }
      for (const outcome of await Promise.all(kept)) assertExit(outcome, 0);
    },
  },
]);
