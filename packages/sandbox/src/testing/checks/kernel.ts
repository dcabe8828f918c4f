/** Who the program is to the kernel: user, capabilities, namespaces, session. */
import assert from "node:assert/strict";
import { readlink } from "node:fs/promises";
import { hostname } from "node:os";
import type { Engine } from "../../types.ts";
import {
  type Check,
  type CheckDefinition,
  checksOf,
  CheckInconclusiveError,
  CheckNotApplicableError,
} from "../check.ts";
import { findMarked, newMarker } from "../host/marked-process.ts";
import { type Looks, seen } from "../looks.ts";
import { bash, code, describeOutcome, python, runReport, text } from "../programs.ts";
import { startHeldRun } from "./held-run.ts";

const NAMESPACES = ["user", "pid", "net", "ipc", "uts", "mnt", "cgroup"];

/** Who the program is, by fields of /proc/self/status; and its namespaces, null for one that is not shown. */
const IDENTITY: Looks = {
  prelude: code`
    import os
    def status():
        fields = dict(line.rstrip().split(":", 1) for line in open("/proc/self/status"))
        return {key: value.strip() for key, value in fields.items()}
    def namespace(name):
        try: return os.readlink(f"/proc/self/ns/{name}")
        except OSError: return None
  `,
  expressions: {
    status: "status()",
    ...Object.fromEntries(NAMESPACES.map((name) => [name, `namespace("${name}")`])),
  },
};

/** The user, in the host's eyes, that owns the program's process. */
async function hostUidOf(engine: Engine): Promise<{ uid: number; release: () => Promise<unknown> }> {
  const marker = newMarker();
  const held = await startHeldRun(engine, { args: [marker] });
  const program = (await findMarked(marker)).find(({ command }) => /^\S*python/.test(command));
  if (program === undefined) {
    throw new CheckInconclusiveError(`the program was not found on the host: ${describeOutcome(await held.release())}`);
  }
  return { uid: program.uid, release: held.release };
}

const statusChecks: CheckDefinition[] = [
  ...["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map((set): CheckDefinition => ({
    name: `capabilities-${set.slice(3).toLowerCase()}`,
    title: `leaves the capability set ${set} empty`,
    control: { mayPass: "empty already for the user of the tests" },
    async run(target) {
      const status = await seen<Record<string, string>>(target, IDENTITY, "status");
      assert.match(status[set] ?? "missing", /^0+$/, `${set} is ${status[set]}`);
    },
  })),
  {
    name: "no-new-privileges",
    title: "sets no_new_privs",
    control: { mayPass: "the tests themselves run with no_new_privs" },
    async run(target) {
      const status = await seen<Record<string, string>>(target, IDENTITY, "status");
      assert.equal(status["NoNewPrivs"], "1");
    },
  },
  {
    name: "seccomp",
    title: "runs the program under a seccomp filter",
    incident: "codex and others: the filter silently missing",
    control: { mayPass: "the tests themselves run under a filter, as in a container" },
    async run(target) {
      const status = await seen<Record<string, string>>(target, IDENTITY, "status");
      assert.equal(status["Seccomp"], "2");
    },
  },
  {
    name: "not-root-inside",
    title: "runs the program as an ordinary user, in all four user ids and in all groups",
    control: { mayPass: "the tests do not run as root" },
    async run(target) {
      const status = await seen<Record<string, string>>(target, IDENTITY, "status");
      for (const field of ["Uid", "Gid"]) {
        const ids = (status[field] ?? "").split(/\s+/);
        assert.equal(ids.length, 4);
        assert.ok(!ids.includes("0"), `${field}: ${status[field]}`);
      }
      assert.ok(!(status["Groups"] ?? "").split(/\s+/).includes("0"), `Groups: ${status["Groups"]}`);
    },
  },
  {
    name: "not-root-outside",
    title: "is not root in the host's eyes either",
    incident: "CVE-2024-29021 and every escape after it: root inside was root outside",
    control: { mayPass: "the tests do not run as root" },
    async run({ engine }) {
      if (process.getuid?.() !== 0)
        throw new CheckNotApplicableError("the tests do not run as root, so nothing they start can be");
      const { uid, release } = await hostUidOf(engine);
      await release();
      assert.notEqual(uid, 0);
    },
  },
  {
    name: "uid-per-run",
    belts: ["uid-per-slot"],
    title: "gives two runs at the same time different users of the host",
    incident: "runs of one user can signal and trace each other once they meet",
    control: "fails",
    async run({ engine }) {
      if (process.getuid?.() !== 0) throw new CheckNotApplicableError("only root can give runs users of their own");
      const first = await hostUidOf(engine);
      const second = await hostUidOf(engine);
      await Promise.all([first.release(), second.release()]);
      assert.notEqual(first.uid, second.uid);
    },
  },
];

const namespaceChecks = NAMESPACES.map((name): CheckDefinition => ({
  name: `namespace-${name}`,
  title: `has a ${name} namespace of its own`,
  control: "fails",
  async run(target) {
    const own = await seen<string | null>(target, IDENTITY, name);
    assert.match(own ?? "none", new RegExp(`^${name}:\\[\\d+\\]$`));
    assert.notEqual(own, await readlink(`/proc/self/ns/${name}`));
  },
}));

/** Group `kernel`: identity. */
export const kernelChecks: readonly Check[] = checksOf("kernel", [
  ...statusChecks,
  ...namespaceChecks,
  {
    name: "process-ids",
    title: "shows the program only the few processes of its own sandbox",
    control: "fails",
    async run({ engine }) {
      const pids = await runReport<number[]>(
        engine,
        python("import json, os; print(json.dumps([int(name) for name in os.listdir('/proc') if name.isdigit()]))"),
      );
      assert.ok(pids.length > 0 && pids.length <= 6, `${pids.length} processes in sight`);
      assert.ok(Math.max(...pids) < 1_000, `process ids up to ${Math.max(...pids)}`);
    },
  },
  {
    name: "hostname",
    title: "does not tell the host's name",
    control: "fails",
    async run({ engine }) {
      const name = await runReport<string>(
        engine,
        python("import json, socket; print(json.dumps(socket.gethostname()))"),
      );
      assert.notEqual(name, hostname());
    },
  },
  {
    name: "session",
    title: "runs in a session of its own, without a terminal",
    incident: "TIOCSTI into the caller's terminal (CVE-2017-5226 in bubblewrap)",
    async run({ engine }) {
      const look = code`
        import json, os
        try:
            os.close(os.open("/dev/tty", os.O_RDWR))
            terminal = True
        except OSError:
            terminal = False
        # 0 stands for a session that began outside of this pid namespace.
        print(json.dumps({"session": os.getsid(0), "terminal": terminal, "tty": [os.isatty(fd) for fd in (0, 1, 2)]}))
      `;
      const seen = await runReport<{ session: number; terminal: boolean; tty: boolean[] }>(engine, python(look));
      assert.ok(seen.session > 0, "the session began outside");
      assert.equal(seen.terminal, false, "there is a controlling terminal");
      assert.deepEqual(seen.tty, [false, false, false]);
    },
  },
  {
    name: "nested-namespaces",
    title: "does not let a program make namespaces of its own",
    incident: "user namespaces as the door to kernel bugs (CVE-2022-0185, CVE-2023-32233)",
    control: { mayPass: "the host forbids user namespaces, or has no unshare" },
    async run({ engine }) {
      const outcome = await engine.run(
        bash("for flag in U Ur n m p u i C; do unshare -$flag true 2>/dev/null && echo made $flag; done; exit 0"),
      );
      assert.equal(outcome.status, "exited", describeOutcome(outcome));
      assert.equal(text(outcome.stdout), "", "namespaces were made");
    },
  },
  {
    name: "shared-memory",
    title: "shares no System V and POSIX memory, semaphores and queues with another run",
    incident: "/dev/shm and IPC shared by all sandboxes (isolate 2.6)",
    control: { mayPass: "the host offers no such objects" },
    async run({ engine }) {
      const prelude = code`
        import ctypes, json, os, sys, time
        libc = ctypes.CDLL(None, use_errno=True)
        key, name = int(sys.argv[1]), ("/" + sys.argv[2]).encode()
      `;
      const make = code`
        create = 0o1666
        ids = [libc.shmget(key, 4096, create), libc.semget(key, 1, create), libc.msgget(key, create)]
        queue = libc.mq_open(name, os.O_CREAT | os.O_RDWR, 0o666, None)
        shared = libc.shm_open(name, os.O_CREAT | os.O_RDWR, 0o666)
        print("up", flush=True)
        try: time.sleep(1.5)
        finally:
            libc.shmctl(ids[0], 0, None); libc.semctl(ids[1], 0, 0); libc.msgctl(ids[2], 0, None)
            libc.mq_unlink(name); libc.shm_unlink(name)
      `;
      const look = code`
        found = {
            "shm": libc.shmget(key, 0, 0), "sem": libc.semget(key, 0, 0), "msg": libc.msgget(key, 0),
            "mqueue": libc.mq_open(name, os.O_RDONLY), "posix": libc.shm_open(name, os.O_RDONLY, 0),
        }
        print(json.dumps([kind for kind, value in found.items() if value >= 0]))
      `;
      const args = [String(0x4000_0000 + Math.floor(Math.random() * 0x3fff_ffff)), newMarker()];
      let started: () => void = () => {};
      const isUp = new Promise<void>((resolve) => (started = resolve));
      const maker = engine.run(python(`${prelude}\n${make}`, { args }), { onOutput: () => started() });
      await Promise.race([isUp, maker]);
      const found = await runReport<string[]>(engine, python(`${prelude}\n${look}`, { args }));
      await maker;
      assert.deepEqual(found, []);
    },
  },
]);
