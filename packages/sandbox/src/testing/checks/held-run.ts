/** A run that has begun and goes on until released. */
import type { Engine, RunOutcome } from "../../types.ts";
import { CheckInconclusiveError } from "../check.ts";
import { describeOutcome, type ProgramOptions, python } from "../programs.ts";

/** Handle of a program that waits. */
export interface HeldRun {
  /** Cancels the run and gives its outcome. May be called more than once. */
  release(): Promise<RunOutcome>;
}

/**
 * Runs `source` (which then waits) and returns once it has printed something.
 * @throws CheckInconclusiveError when it ended before.
 */
export async function startHeldRun(engine: Engine, options: ProgramOptions = {}, source = ""): Promise<HeldRun> {
  const abort = new AbortController();
  let started: (up: "up") => void = () => {};
  const isUp = new Promise<"up">((resolve) => (started = resolve));
  const run = engine.run(python(`${source}\nimport time; print("up", flush=True); time.sleep(9)`, options), {
    signal: abort.signal,
    onOutput: () => started("up"),
  });
  const first = await Promise.race([isUp, run]);
  if (first !== "up") throw new CheckInconclusiveError(`the waiting program ended: ${describeOutcome(first)}`);
  return {
    release: async () => {
      abort.abort();
      return run;
    },
  };
}
