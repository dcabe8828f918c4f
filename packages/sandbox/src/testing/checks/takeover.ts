/** Programs that turn against the sandbox itself: its processes, its report, its watch. */
import assert from "node:assert/strict";
import {
  type Check,
  type CheckDefinition,
  checksOf,
  CheckInconclusiveError,
  CheckNotApplicableError,
} from "../check.ts";
import { findMarked, newMarker, startMarked } from "../host/marked-process.ts";
import { assertExit, assertStatus, code, describeOutcome, python, text } from "../programs.ts";

const PRELUDE = code`
  import os, signal, sys, time
`;

/** Group `processes`: attacks on the sandbox's own. */
export const takeoverChecks: readonly Check[] = checksOf("processes", [
  {
    name: "kill-everything",
    title: "survives a program that kills every process it can reach",
    incident: "kill(-1) as the service's own user",
    control: { notRun: "it would end the processes of the host" },
    async run({ engine }) {
      const bystander = newMarker();
      await using _host = await startMarked(bystander);
      // Refuses to do it where it would see more than its own few processes.
      const source = code`
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        if len(pids) > 12:
            print("too many processes in sight")
            sys.exit(3)
        os.kill(-1, signal.SIGKILL)
        print("still here", flush=True)
      `;
      const outcome = await engine.run(python(`${PRELUDE}\n${source}`));
      assert.ok(outcome.status === "exited" || outcome.status === "signaled", describeOutcome(outcome));
      assert.notEqual(outcome.exitCode, 3, describeOutcome(outcome));
      assert.equal((await findMarked(bystander)).length, 1, "a process of the host was killed");
      assertExit(await engine.run(python("pass")), 0);
    },
  },
  ...(["kill(0)", "kill(getppid())"] as const).map((attack): CheckDefinition => ({
    name: attack === "kill(0)" ? "kill-group" : "kill-parent",
    title: `does not take a program's ${attack} for a failure of the sandbox`,
    incident: "a program that makes its result look like the platform's fault is run again and again",
    control: { notRun: "its parent may be the test itself" },
    async run({ engine }) {
      const target = attack === "kill(0)" ? "0" : "os.getppid()";
      const source = code`
          if len([name for name in os.listdir("/proc") if name.isdigit()]) > 12: sys.exit(3)
          try: os.kill(${target}, signal.SIGKILL)
          except OSError: pass
          time.sleep(0.2)
        `;
      const outcome = await engine.run(python(`${PRELUDE}\n${source}`, { limits: { wallTimeMs: 5_000 } }));
      assert.notEqual(outcome.status, "sandbox_failed", describeOutcome(outcome));
      assert.notEqual(outcome.exitCode, 3, describeOutcome(outcome));
    },
  })),
  {
    name: "forged-outcome",
    alone: true,
    title: "does not let a program write its own outcome, or end the watch over it",
    incident: "status passed through a descriptor that the program can open",
    control: { notRun: "as root it would write into the pipes of the host's processes" },
    async run({ engine }) {
      const forge = code`
        if len([name for name in os.listdir("/proc") if name.isdigit()]) > 12: sys.exit(3)
        words = [b'{"exit-code": 0}\n', b'{"child-pid": 1}\n', b"ran 0\n", b"exited 0\n", b"done\n", b"0\n", b"\0" * 64]
        def scribble(fd):
            for word in words:
                try: os.write(fd, word)
                except OSError: pass
        for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
            try: fds = os.listdir(f"/proc/{pid}/fd")
            except OSError: continue
            for fd in fds:
                if int(pid) == os.getpid() and fd in "012": continue
                try: opened = os.open(f"/proc/{pid}/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK)
                except OSError: continue
                scribble(opened)
                os.close(opened)
        for fd in range(3, 256): scribble(fd)
        time.sleep(30)
      `;
      const startedAt = performance.now();
      const outcome = await engine.run(python(`${PRELUDE}\n${forge}`, { limits: { wallTimeMs: 1_500 } }));
      assertStatus(outcome, "timed_out");
      assert.ok(performance.now() - startedAt < 5_000, "the program outlived its time");
    },
  },
  {
    name: "hijacked-launcher",
    alone: true,
    title: "holds a program at its time also when it has taken over the sandbox's other processes",
    incident: "a first process of the same user, whose memory the program can write through /proc",
    control: { notRun: "as root it would overwrite the host's processes" },
    async run({ engine }) {
      if (process.arch !== "x64") throw new CheckNotApplicableError("the attack is written in x86-64 code");
      const hijack = code`
        if len([name for name in os.listdir("/proc") if name.isdigit()]) > 12: sys.exit(3)
        # Says every word that may pass for "the program has ended" on every descriptor, then waits for ever.
        words = b"ran 0\nexited 0\ndone 0\n" + b'{"exit-code": 0}\n'
        body = bytes.fromhex("89df488d3500000000ba00000000b8010000000f05ffc383fb0a7c00")
        body = bytearray(body)
        tail = bytes.fromhex("b8220000000f05ebf7")
        start = bytes.fromhex("bb03000000")
        body[5:9] = (len(body) - 9 + len(tail)).to_bytes(4, "little")
        body[10:14] = len(words).to_bytes(4, "little")
        body[-1] = 256 - len(body)
        attack = start + bytes(body) + tail + words
        for pid in [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]:
            try:
                maps = open(f"/proc/{pid}/maps").read().splitlines()
                memory = open(f"/proc/{pid}/mem", "r+b", buffering=0)
            except OSError:
                continue
            for line in maps:
                if " r-xp " not in line or "[v" in line: continue
                low, high = (int(end, 16) for end in line.split()[0].split("-"))
                block = b"\x90" * (65536 - len(attack)) + attack
                content = (block * ((high - low) // len(block) + 1))[: high - low]
                content = content[: len(content) - len(attack)] + attack
                try:
                    memory.seek(low)
                    memory.write(content)
                except OSError:
                    pass
        print("attacked", flush=True)
      `;
      const startedAt = performance.now();
      // The check's own end, in case that the engine has none.
      const outcome = await engine.run(python(`${PRELUDE}\n${hijack}`, { limits: { wallTimeMs: 1_500 } }), {
        signal: AbortSignal.timeout(6_000),
      });
      assert.notEqual(outcome.status, "cancelled", "the run went on after its time was up");
      if (!text(outcome.stdout).includes("attacked")) throw new CheckInconclusiveError(describeOutcome(outcome));
      assert.ok(performance.now() - startedAt < 5_000, "the run went on after its time was up");
    },
  },
  {
    name: "slow-end",
    alone: true,
    title: "holds a run at its time also when the program has ended and left much to look at and to kill",
    incident: "whatever the sandbox does after the program, at the program's expense, without a limit",
    control: { notRun: "it would fill the host's disk and keep its processors busy" },
    async run({ engine }) {
      const leave = code`
        for folder in range(20):
            os.mkdir(f"{folder}")
            for n in range(1000): os.close(os.open(f"{folder}/{n}", os.O_CREAT | os.O_WRONLY))
        try:
            with open("fill", "wb") as file:
                while True: file.write(b"x" * 65536)
        except OSError:
            pass
        for _ in range(100):
            if os.fork() == 0:
                null = os.open("/dev/null", os.O_RDWR)
                for fd in (0, 1, 2): os.dup2(null, fd)
                while True: pass
        os._exit(1)
      `;
      const limits = { wallTimeMs: 3_000, cpuTimeMs: 60_000, diskBytes: 8 * 1024 * 1024, pids: 128, cpus: 0.5 };
      const startedAt = performance.now();
      const outcome = await engine.run(python(`${PRELUDE}\n${leave}`, { limits }), {
        signal: AbortSignal.timeout(9_000),
      });
      assert.notEqual(outcome.status, "cancelled", "the run went on after its time was up");
      assert.ok(performance.now() - startedAt < 8_000, "the run went on after its time was up");
    },
  },
]);
