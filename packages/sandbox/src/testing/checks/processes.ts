/** When `run` has returned, nothing of the run is alive. */
import assert from "node:assert/strict";
import type { OutcomeStatus, RunOptions } from "../../types.ts";
import {
  type Check,
  type CheckDefinition,
  checksOf,
  CheckInconclusiveError,
  type ControlExpectation,
} from "../check.ts";
import { findMarked, newMarker, startMarked } from "../host/marked-process.ts";
import { assertExit, assertStatus, code, describeOutcome, python, text } from "../programs.ts";

/** Python that leaves something behind; `stay()` is the process that wants to survive. */
const PRELUDE = code`
  import os, signal, sys, time
  def stay(seconds=30):
      time.sleep(seconds)
      os._exit(0)
`;

interface Escape {
  readonly name: string;
  readonly title: string;
  readonly source: string;
  readonly control: ControlExpectation | null;
}

const groupKill = null;
const detached = { mayPass: "the engine ends its control group, which holds daemons too" } as const;

const ESCAPES: readonly Escape[] = [
  {
    name: "orphan",
    title: "a child whose parent has ended",
    control: groupKill,
    source: code`
      if os.fork() == 0:
          null = os.open("/dev/null", os.O_RDWR)
          for fd in (0, 1, 2): os.dup2(null, fd)
          stay()
      print("left", flush=True)
    `,
  },
  {
    name: "background-output",
    title: "a background process that keeps the output open",
    control: groupKill,
    source: code`
      if os.fork() == 0: stay()
      print("left", flush=True)
    `,
  },
  {
    name: "daemon",
    title: "a daemon: two forks and a session of its own",
    control: detached,
    source: code`
      if os.fork() == 0:
          os.setsid()
          if os.fork() == 0:
              null = os.open("/dev/null", os.O_RDWR)
              for fd in (0, 1, 2): os.dup2(null, fd)
              os.chdir("/")
              stay()
          os._exit(0)
      os.wait()
      print("left", flush=True)
    `,
  },
  {
    name: "nohup",
    title: "a process group that ignores every signal it can",
    control: detached,
    source: code`
      if os.fork() == 0:
          os.setpgid(0, 0)
          for number in range(1, 65):
              try: signal.signal(number, signal.SIG_IGN)
              except (OSError, ValueError): pass
          null = os.open("/dev/null", os.O_RDWR)
          for fd in (0, 1, 2): os.dup2(null, fd)
          stay()
      time.sleep(0.1)
      print("left", flush=True)
    `,
  },
  {
    name: "respawner",
    title: "two daemons that fork for ever, to outrun a killer that goes pid by pid",
    control: { notRun: "it would go on forking on the host until its own time is up" },
    source: code`
      end = time.monotonic() + 4
      for _ in range(2):
          if os.fork() == 0:
              os.setsid()
              null = os.open("/dev/null", os.O_RDWR)
              for fd in (0, 1, 2): os.dup2(null, fd)
              while time.monotonic() < end:
                  if os.fork() != 0: os._exit(0)
                  os.setsid()
              os._exit(0)
      print("left", flush=True)
    `,
  },
];

const leaving = ESCAPES.map(({ name, title, source, control }): CheckDefinition => ({
  name,
  // Two that fork for ever take the machine's time from others.
  alone: name === "respawner",
  title: `leaves nothing of ${title}`,
  incident: "7,029 processes left in a day (Agenta#5172)",
  ...(control === null ? {} : { control }),
  async run({ engine }) {
    const marker = newMarker();
    const startedAt = performance.now();
    const outcome = await engine.run(
      python(`${PRELUDE}\n${source}`, { args: [marker], limits: { wallTimeMs: 10_000 } }),
    );
    if (text(outcome.stdout) !== "left\n") throw new CheckInconclusiveError(describeOutcome(outcome));
    assertExit(outcome, 0);
    assert.ok(performance.now() - startedAt < 5_000, "waited for the process that was left");
    await assertNobody(marker);
  },
}));

/** Ends what was found before it complains, so that a failing engine does not litter the host. */
async function assertNobody(marker: string): Promise<void> {
  const alive = await findMarked(marker);
  for (const { pid } of alive) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself in the meantime; the assertion below still tells of it.
    }
  }
  assert.deepEqual(alive, [], "processes of the run are alive after it");
}

/** Runs a program that does not want to end, with a daemon, and looks for survivors. */
function ending(
  name: string,
  title: string,
  status: OutcomeStatus,
  stop: (abort: AbortController) => RunOptions,
  wallTimeMs: number,
): CheckDefinition {
  const source = code`
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: stay()
        os._exit(0)
    os.wait()
    print("up", flush=True)
    stay()
  `;
  return {
    name,
    title,
    incident: "execution time-out that left the process running (inspect_ai#2779)",
    control: detached,
    async run({ engine }) {
      const marker = newMarker();
      const spec = python(`${PRELUDE}\n${source}`, { args: [marker], limits: { wallTimeMs } });
      const outcome = await engine.run(spec, stop(new AbortController()));
      if (!text(outcome.stdout).includes("up")) throw new CheckInconclusiveError(describeOutcome(outcome));
      assertStatus(outcome, status);
      await assertNobody(marker);
    },
  };
}

/** Group `processes`. */
export const processChecks: readonly Check[] = checksOf("processes", [
  {
    name: "positive-control",
    title: "finds a living process by its marker, inside a run and outside, and no dead one",
    async run({ engine }) {
      const [outside, inside] = [newMarker(), newMarker()];
      const host = await startMarked(outside);
      try {
        assert.deepEqual(
          (await findMarked(outside)).map(({ pid }) => pid),
          [host.pid],
        );
      } finally {
        await host[Symbol.asyncDispose]();
      }
      assert.deepEqual(await findMarked(outside), []);

      let seen = Promise.resolve<unknown[]>([]);
      const abort = new AbortController();
      const outcome = await engine.run(
        python("import time; print('up', flush=True); time.sleep(20)", { args: [inside] }),
        {
          signal: abort.signal,
          onOutput: () => void (seen = findMarked(inside).finally(() => abort.abort())),
        },
      );
      assertStatus(outcome, "cancelled");
      assert.notDeepEqual(await seen, [], "the running program was not found from the host");
      await assertNobody(inside);
    },
  },
  ...leaving,
  ending("after-timeout", "leaves nothing of a stubborn program that ran out of time", "timed_out", () => ({}), 1_000),
  ending(
    "after-cancel",
    "leaves nothing of a stubborn program that was cancelled",
    "cancelled",
    (abort) => ({ signal: abort.signal, onOutput: () => abort.abort() }),
    8_000,
  ),
]);
