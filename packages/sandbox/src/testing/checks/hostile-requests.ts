/** Requests and programs that aim at what an engine keeps between runs: its protocol, its helpers, its descriptors. */
import assert from "node:assert/strict";
import { type Check, checksOf, CheckInconclusiveError } from "../check.ts";
import { assertExit, bash, bytes, code, describeOutcome, python, runReport, runToEnd, text } from "../programs.ts";
import type { Engine, RunSpec } from "../../types.ts";

/** Whatever an engine keeps ready for Python is in use from some run on: this many come first. */
const EARLIER_RUNS = 3;

async function runEarlier(engine: Engine): Promise<void> {
  // An engine may make ready in the background, beside the next run: the runs themselves take longer than that.
  for (let run = 0; run < EARLIER_RUNS; run += 1) {
    await runToEnd(engine, python("import time; time.sleep(0.2)"));
  }
}

const INTRUDER = code`
  import os, time
  end = time.monotonic() + 3
  while time.monotonic() < end:
      try: os.write(1, b"intruder\n")
      except OSError: pass
      time.sleep(0.02)
`;

/** A request written like the ones an engine may send to a helper process of its own, as a file's content. */
function smuggled(): Uint8Array {
  const program = bytes(INTRUDER);
  const header = JSON.stringify({
    entry: "intruder.py",
    args: [],
    directories: [],
    files: [["cwd/intruder.py", program.length]],
    stdin: false,
    tmpfsBytes: 1 << 20,
    fileSizeBytes: 1 << 20,
    limits: {},
  });
  return Buffer.concat([bytes(`run\ngo\n${header.length}\n${header}`), program]);
}

/** More files than the disk limit has pages: wherever the engine gives up, what it has not read begins like a request. */
function tooMuchForTheDisk(): RunSpec {
  const files = Array.from({ length: 40 }, (_, n) => ({ path: `file${n}`, content: smuggled() }));
  const spec = python("pass", { limits: { diskBytes: 64 * 1024 } });
  return { ...spec, files: [...spec.files, ...files] };
}

/** Group `tenancy`: what one request leaves for the next one in the same place. */
export const hostileRequestChecks: readonly Check[] = [
  ...checksOf("tenancy", [
    {
      name: "smuggled-request",
      title: "never takes a part of one request for another request",
      incident: "request smuggling: bytes that a failed reader leaves in a channel are read as the next message",
      async run({ engine }) {
        await runEarlier(engine);
        await engine.run(tooMuchForTheDisk());
        const next = await engine.run(bash("echo mine; sleep 0.3; echo mine"));
        assertExit(next, 0);
        assert.equal(text(next.stdout), "mine\nmine\n", "another program wrote into this run");
      },
    },
    {
      name: "shared-input",
      title: "gives each run a standard input of its own, also where it is empty",
      incident: "flags and locks belong to the open file, which forked processes share",
      async run({ engine }) {
        await runEarlier(engine);
        const mark = code`
          import fcntl, os
          fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_NONBLOCK | os.O_APPEND)
          fcntl.flock(0, fcntl.LOCK_EX | fcntl.LOCK_NB)
        `;
        const look = code`
          import fcntl, json, os
          flags = fcntl.fcntl(0, fcntl.F_GETFL) & (os.O_NONBLOCK | os.O_APPEND)
          with open("/dev/null") as null:
              try: fcntl.flock(null, fcntl.LOCK_EX | fcntl.LOCK_NB); held = False
              except OSError: held = True
          print(json.dumps({"flags": flags, "held": held}))
        `;
        await runToEnd(engine, python(mark));
        assert.deepEqual(await runReport(engine, python(look)), { flags: 0, held: false });
      },
    },
  ]),
  ...checksOf("processes", [
    {
      name: "signal-parent",
      alone: true,
      title: "does not take the end of a program that sends every signal to its parent for a failure of the sandbox",
      incident: "a process 1 is safe from signals only where it has no handler for them",
      control: { notRun: "its parent may be the test itself" },
      async run({ engine }) {
        await runEarlier(engine);
        const attack = code`
          import os, signal, sys, time
          if len([name for name in os.listdir("/proc") if name.isdigit()]) > 12: sys.exit(3)
          for number in range(1, 65):
              for target in (os.getppid(), 1):
                  try: os.kill(target, number)
                  except OSError: pass
          time.sleep(0.1)
          print("sent", flush=True)
          sys.exit(7)
        `;
        const outcome = await engine.run(python(attack));
        if (outcome.exitCode === 3) throw new CheckInconclusiveError(describeOutcome(outcome));
        assertExit(outcome, 7);
      },
    },
    {
      name: "limit-parent",
      alone: true,
      title: "does not let a program lower the limits of the process that reports its end",
      incident: "prlimit(2) works on every process of one's own user",
      control: { notRun: "its parent may be the test itself" },
      async run({ engine }) {
        await runEarlier(engine);
        const attack = code`
          import os, resource, sys
          if len([name for name in os.listdir("/proc") if name.isdigit()]) > 12: sys.exit(3)
          for name in ("NOFILE", "NPROC", "FSIZE", "AS", "DATA", "STACK", "CPU"):
              try: resource.prlimit(1, getattr(resource, "RLIMIT_" + name), (0, 0))
              except (OSError, ValueError): pass
          sys.exit(7)
        `;
        const outcome = await engine.run(python(attack));
        if (outcome.exitCode === 3) throw new CheckInconclusiveError(describeOutcome(outcome));
        assertExit(outcome, 7);
      },
    },
  ]),
];
