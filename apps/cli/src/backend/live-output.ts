import type { Outcome, RunEvent, StepResult } from "@crucible/contract";
import { decodeText } from "../encode.ts";
import type { LiveOutput } from "./types.ts";

type OutputEvent = Extract<RunEvent, { type: "run.output" }>;

/**
 * Passes on the output of a run on a server, each byte once and in order, although live events may be lost:
 * an event is written only where it continues what was written, and `complete` adds the rest from the outcome.
 */
export function createLiveOutput(onOutput: (output: LiveOutput) => void): {
  event(event: OutputEvent): void;
  complete(outcome: Outcome): void;
} {
  const written = new Map<string, number>();
  const pass = (step: LiveOutput["step"], stream: LiveOutput["stream"], from: number, bytes: Buffer): void => {
    const key = `${step} ${stream}`;
    const at = written.get(key) ?? 0;
    // Above: a chunk was lost, so this one waits for the outcome. Below: it came twice.
    if (from > at) return;
    const fresh = bytes.subarray(at - from);
    if (fresh.length === 0) return;
    written.set(key, at + fresh.length);
    onOutput({ step, stream, bytes: fresh });
  };
  const completeStep = (step: LiveOutput["step"], result: StepResult): void => {
    pass(step, "stdout", 0, decodeText(result.stdout, result.stdoutEncoding));
    pass(step, "stderr", 0, decodeText(result.stderr, result.stderrEncoding));
  };
  return {
    event({ step, stream, data, offset }) {
      // A server that does not say where a chunk belongs could have skipped some: wait for the outcome.
      if (offset !== undefined) pass(step, stream, offset, Buffer.from(data, "base64"));
    },
    complete(outcome) {
      if (outcome.compile !== null) completeStep("compile", outcome.compile);
      completeStep("run", outcome);
    },
  };
}
