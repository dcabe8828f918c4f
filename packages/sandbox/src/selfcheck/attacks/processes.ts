/** Processes: other people's, and privileges over them. */
import assert from "node:assert/strict";
import { type Check, checksOf } from "../../testing/check.ts";
import { findMarked, newMarker, startMarked } from "../../testing/host/marked-process.ts";
import { settle } from "../../testing/host/leftovers.ts";
import { assertExit, code, python, runReport } from "../../testing/programs.ts";

/** Attacks of the group `processes`. */
export const processAttacks: readonly Check[] = checksOf("processes", [
  {
    name: "signal-host",
    title: "can send no signal to a process of the host by its number",
    incident: "kill by pid across the border: a shared pid namespace",
    control: "fails",
    async run({ engine }) {
      await using victim = await startMarked(newMarker());
      // Signal 0 asks whether a signal could be sent, and sends none.
      const ask = code`
        import json, os, sys
        try:
            os.kill(int(sys.argv[1]), 0)
            print(json.dumps("could"))
        except ProcessLookupError: print(json.dumps("no such process"))
        except PermissionError: print(json.dumps("may not"))
      `;
      // Inside, the number could by chance be the program's own process: it is never that high there.
      const said = await runReport<string>(engine, python(ask, { args: [`${victim.pid}`] }));
      assert.equal(said, "no such process");
    },
  },
  {
    name: "become-root",
    title: "can take no other user and no group, root least of all",
    incident: "CVE-2018-18955 class: user ids mapped so that the program becomes root",
    control: { mayPass: "the tests do not run as root" },
    async run({ engine }) {
      const attack = code`
        import json, os
        became = []
        for name, change in (("setuid", lambda: os.setuid(0)), ("setgid", lambda: os.setgid(0)), ("setresuid", lambda: os.setresuid(0, 0, 0)), ("setresgid", lambda: os.setresgid(0, 0, 0)), ("setgroups", lambda: os.setgroups([0])), ("other user", lambda: os.setuid(12345)), ("chown", lambda: (open("own", "w").close(), os.chown("own", 0, 0)))):
            child = os.fork()
            if child == 0:
                try: change()
                except OSError: os._exit(1)
                os._exit(0)
            if os.waitpid(child, 0)[1] == 0: became.append(name)
        print(json.dumps(became))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(attack)), []);
    },
  },
  {
    name: "subreaper",
    title: "leaves nothing of a daemon that made itself the reaper of its orphans",
    incident: "7,029 processes left in a day (Agenta#5172), by PR_SET_CHILD_SUBREAPER",
    control: { notRun: "without a control group it would stay on the host" },
    async run({ engine }) {
      const marker = newMarker();
      const attack = code`
        import ctypes, os, signal, sys, time
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
        if os.fork() == 0:
            os.setsid()
            ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
            if os.fork() == 0:
                null = os.open("/dev/null", os.O_RDWR)
                for fd in (0, 1, 2): os.dup2(null, fd)
                time.sleep(60)
            os._exit(0)
        os._exit(0)
      `;
      assertExit(await engine.run(python(attack, { args: [marker] })), 0);
      const left = await settle(
        () => findMarked(marker),
        (found) => found.length === 0,
        2_000,
      );
      assert.deepEqual(left, []);
    },
  },
  {
    name: "priority",
    title: "cannot raise its priority, nor become a real-time process",
    incident: "noisy neighbour: SCHED_FIFO and negative niceness starve the host",
    control: { mayPass: "the user of the tests may not either" },
    async run({ engine }) {
      const attack = code`
        import json, os
        raised = []
        def attempt(name, change):
            child = os.fork()
            if child == 0:
                try: change()
                except OSError: os._exit(1)
                os._exit(0)
            if os.waitpid(child, 0)[1] == 0: raised.append(name)
        attempt("nice", lambda: os.setpriority(os.PRIO_PROCESS, 0, -5))
        attempt("fifo", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
        attempt("round robin", lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)))
        print(json.dumps(raised))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(attack)), []);
    },
  },
]);
