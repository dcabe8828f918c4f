import { constants } from "node:os";
import type { Outcome, PistonExecuteResponse, PistonStep, StepResult } from "@crucible/contract";
import type { OutputOrder } from "./output-order.ts";

/** How a step ended, in Piston's terms. */
type Ending = Pick<PistonStep, "status" | "signal" | "code" | "message">;

/** Piston's words come from the tool it runs programs with (isolate): clients show them. */
function endingOf(step: StepResult, reason: string | null): Ending {
  const killed = { code: null, signal: "SIGKILL" };
  switch (step.status) {
    case "exited":
    case "compile_failed":
      if (step.exitCode !== null) {
        const failed = step.exitCode !== 0;
        return {
          status: failed ? "RE" : null,
          code: step.exitCode,
          signal: null,
          message: failed ? `Exited with error status ${step.exitCode}` : null,
        };
      }
      return { status: "RE", code: null, signal: step.signal, message: reason };
    case "signaled": {
      const number = constants.signals[(step.signal ?? "") as keyof typeof constants.signals] as number | undefined;
      return {
        status: "SG",
        code: null,
        signal: step.signal,
        message: `Caught fatal signal ${number ?? step.signal ?? "unknown"}`,
      };
    }
    case "out_of_memory":
      return { ...killed, status: "SG", message: `Caught fatal signal ${constants.signals.SIGKILL}` };
    case "timed_out":
      return { ...killed, status: "TO", message: "Time limit exceeded (wall clock)" };
    case "cpu_exceeded":
      return { ...killed, status: "TO", message: "Time limit exceeded" };
    case "output_exceeded":
      return step.limitsHit.includes("stderrBytes") && !step.limitsHit.includes("stdoutBytes")
        ? { ...killed, status: "EL", message: "stderr length exceeded" }
        : { ...killed, status: "OL", message: "stdout length exceeded" };
    case "disk_exceeded":
      return { status: "RE", code: step.exitCode, signal: step.signal, message: reason ?? "Disk limit exceeded" };
    case "cancelled":
      return { ...killed, status: "XX", message: reason ?? "cancelled" };
    case "sandbox_failed":
      return { status: "XX", code: null, signal: null, message: reason ?? "internal error" };
  }
}

const textOf = (text: string, encoding: "utf8" | "base64"): string =>
  encoding === "utf8" ? text : Buffer.from(text, "base64").toString("utf8");
const rounded = (value: number | null): number | null => (value === null ? null : Math.round(value));

function stepOf(step: StepResult, reason: string | null, order: OutputOrder, name: "compile" | "run"): PistonStep {
  const stdout = textOf(step.stdout, step.stdoutEncoding);
  const stderr = textOf(step.stderr, step.stderrEncoding);
  return {
    stdout,
    stderr,
    output: order.merged(name, step) ?? stdout + stderr,
    ...endingOf(step, reason),
    cpu_time: rounded(step.cpuMs),
    wall_time: rounded(step.wallMs),
    memory: rounded(step.peakMemoryBytes),
  };
}

/** A finished run as Piston answers it. As there, `run` is the compile step where that failed. */
export function toPistonResponse(
  language: string,
  version: string,
  outcome: Outcome,
  order: OutputOrder,
): PistonExecuteResponse {
  const failed = outcome.status === "compile_failed";
  const compile =
    outcome.compile === null ? undefined : stepOf(outcome.compile, failed ? outcome.reason : null, order, "compile");
  const run = failed && compile !== undefined ? compile : stepOf(outcome, outcome.reason, order, "run");
  return { language, version, run, ...(compile === undefined ? {} : { compile }) };
}
