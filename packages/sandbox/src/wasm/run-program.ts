import type { Duplex } from "node:stream";
import { noArtifacts, readArtifacts } from "../artifacts/read.ts";
import type { Artifacts } from "../artifacts/types.ts";
import { outcomeOf } from "../run/outcome.ts";
import type { OutcomeFrame } from "../run/outcome.ts";
import { makesArtifactsDir } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import { supervise } from "../run/supervise.ts";
import type { RunOptions, RunOutcome, StepResult } from "../types.ts";
import { frame } from "./frame.ts";
import { fromNowOn } from "./from-now-on.ts";
import type { GroupSince } from "./from-now-on.ts";
import { ARTIFACTS_FD, controlOf } from "./isolate.ts";
import type { Isolate } from "./isolate.ts";

/** V8's, Tokio's and the compilers' threads (measured: 12 on two cores, more on more). */
const OWN_THREADS = 128;
/** The process has ended: what it wrote lies in the socket, and nothing can follow. */
const COLLECT_DEADLINE_MS = 2_000;

const OUT_OF_MEMORY = /Fatal (?:JavaScript|process) (?:invalid size error|out of memory)|Fatal JavaScript OOM/;

/**
 * Hands the program over and watches it to its end.
 * @param seesPeaks whether no peak of memory can pass unseen: then the words of a dying process prove nothing by
 *   themselves, for the program can write the same.
 */
export async function runProgram(
  isolate: Isolate,
  plan: RunPlan,
  runOptions: RunOptions,
  outcomeFrame: OutcomeFrame,
  seesPeaks: boolean,
): Promise<RunOutcome> {
  const { child } = isolate;
  const { entry, args, env, files, stdin, limits } = plan;
  const since = fromNowOn(isolate.group, await isolate.memory());
  const control = controlOf(child);
  const ended = new Promise<void>((resolve) => {
    control.once("close", () => resolve());
  });
  const input = child.stream(0);
  const collects = plan.artifacts !== null;
  // The variable is the bait here: there are no files to have another in.
  const variables = { ...plan.decoy.env, ...env };
  input.write(frame({ entry, args, env: variables, collects, makesOut: makesArtifactsDir(plan) }, files));
  input.end(stdin);
  const collection = plan.artifacts === null ? null : collect(child.stream(ARTIFACTS_FD), plan.artifacts);
  const supervised = await supervise(
    {
      control,
      stdout: child.stream(1),
      stderr: child.stream(2),
      compileOutput: null,
      group: since.group,
      ownProcesses: OWN_THREADS,
      kill: isolate.kill,
      ended,
    },
    { compileLimits: null, runLimits: limits, givenBytes: null },
    runOptions,
  );
  const run = supervised.run === null ? null : correct(supervised.run, limits.memoryBytes, since, seesPeaks);
  const artifacts = collection === null ? null : await collection.end(run);
  return outcomeOf(outcomeFrame, { ...supervised, run, artifacts }, "the process ended without a report");
}

/** What an end means here, where it is another thing than in a sandbox with files and a kernel's memory limit alone. */
function correct(run: StepResult, limitBytes: number, since: GroupSince, seesPeaks: boolean): StepResult {
  // No byte can be written to any file here: it is no limit of the request that ended it.
  if (run.signal === "SIGXFSZ") {
    const limitsHit = run.limitsHit.filter((name) => name !== "fileSizeBytes");
    return { ...run, status: "signaled", limitsHit };
  }
  // V8 ends its process with an illegal instruction or an abort when its heap is full, and says why.
  const says =
    run.status === "signaled" &&
    /^SIG(?:TRAP|ABRT|ILL)$/.test(run.signal ?? "") &&
    OUT_OF_MEMORY.test(new TextDecoder().decode(run.stderr));
  const grown = since.grownBytes();
  const isFull = says && (!seesPeaks || grown === null || grown >= limitBytes / 4);
  return isFull ? { ...run, status: "out_of_memory", signal: "SIGKILL", limitsHit: ["memoryBytes"] } : run;
}

/** Reads what the program gives back while it runs: its process writes the archive last, and ends. */
function collect(
  stream: Duplex,
  limits: NonNullable<RunPlan["artifacts"]>,
): { end(run: StepResult | null): Promise<Artifacts | null> } {
  let bytes = 0;
  const archive = (async function* () {
    for await (const piece of stream) {
      bytes += (piece as Uint8Array).length;
      yield piece as Uint8Array;
    }
  })();
  const read = readArtifacts(archive, limits);
  return {
    end: async (run) => {
      // As everywhere: a run that we ended gives nothing back.
      const isOwnEnd = run !== null && (run.status === "exited" || run.status === "signaled");
      if (!isOwnEnd) stream.destroy();
      const late = setTimeout(() => stream.destroy(), COLLECT_DEADLINE_MS);
      const artifacts = await read;
      clearTimeout(late);
      if (!isOwnEnd) return null;
      return bytes === 0
        ? noArtifacts("nothing was collected: the program ended the interpreter with itself")
        : artifacts;
    },
  };
}
