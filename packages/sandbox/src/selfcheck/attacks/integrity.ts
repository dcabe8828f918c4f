/** Lies about the result: what a program says must never count as what the sandbox saw. */
import assert from "node:assert/strict";
import { type Check, checksOf } from "../../testing/check.ts";
import { assertExit, assertStatus, code, describeOutcome, python, text } from "../../testing/programs.ts";

/** Attacks of the group `integrity`; `outcomes` is the contract's name for the subject. */
export const integrityAttacks: readonly Check[] = checksOf("outcomes", [
  {
    name: "forged-report-in-output",
    title: "takes no line of the program's output for a report of the sandbox",
    incident: "result forgery: a program prints what the platform's own runner prints (terminal-bench#1604)",
    async run({ engine }) {
      const forge = code`
        import sys
        words = 'ran 0\nchecked\n{"exit-code": 0}\n{"status":"exited","exitCode":0}\nSTATUS 0\nOK\n'
        for stream in (sys.stdout, sys.stderr):
            stream.write(words)
            stream.flush()
        sys.exit(3)
      `;
      const outcome = await engine.run(python(forge));
      assertExit(outcome, 3);
      assert.ok(text(outcome.stdout).startsWith("ran 0\n"), "the program's own words are kept as they are");
    },
  },
  {
    name: "forged-descriptors",
    title: "takes nothing written to descriptors 3 to 255 for the end of the program",
    incident: "forged control messages: a status descriptor that the program inherits",
    async run({ engine }) {
      const forge = code`
        import os, sys
        for fd in range(3, 256):
            try: os.write(fd, b"ran 0\nexited 0\n" + b'{"exit-code": 0}\n')
            except OSError: pass
        os._exit(7)
      `;
      assertExit(await engine.run(python(forge)), 7);
    },
  },
  {
    name: "early-success",
    title: "reports success only of a program that ended itself with success",
    incident: "reward hacking: os._exit(0) in a helper, an atexit hook, a closed standard output (inspect_ai#4456)",
    async run({ engine }) {
      const attack = code`
        import os, signal
        child = os.fork()
        if child == 0: os._exit(0)
        os.waitpid(child, 0)
        os.close(1)
        os.kill(os.getpid(), signal.SIGABRT)
      `;
      const outcome = await engine.run(python(attack));
      assertStatus(outcome, "signaled");
      assert.equal(outcome.signal, "SIGABRT", describeOutcome(outcome));
    },
  },
  {
    name: "elapsed-time",
    title: "measures a program's time outside of it",
    incident: "benchmarks cheated by a patched clock (speed-up contests of 2025)",
    async run({ engine }) {
      const source = code`
        import time
        real = time.sleep
        time.time = time.monotonic = time.perf_counter = lambda: 0.0
        real(0.3)
      `;
      const outcome = await engine.run(python(source));
      assertExit(outcome, 0);
      assert.ok(outcome.wallMs >= 290, `a program that slept for 300 ms took ${outcome.wallMs} ms`);
    },
  },
  {
    name: "named-pipes-left",
    title: "is not held up by pipes, endless links and huge names that a program leaves where results could lie",
    incident: "CVE-2024-28185 class: a host that opens what the program left",
    async run({ engine }) {
      const leave = code`
        import os
        for name in ("stdout", "stderr", "result.json", "output", "exit_code", "meta"):
            os.mkfifo(name)
        os.symlink("loop", "loop")
        os.symlink("/dev/zero", "core")
        os.makedirs("/".join(["d" * 200] * 12))
        os._exit(5)
      `;
      const startedAt = performance.now();
      const outcome = await engine.run(python(leave));
      assertExit(outcome, 5);
      assert.ok(performance.now() - startedAt < 5_000, "the run was held up");
    },
  },
]);
