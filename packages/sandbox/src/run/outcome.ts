import type { IsolationLevel, Limits, RunOutcome, StepResult, Violation } from "../types.ts";
import { noArtifacts } from "../artifacts/read.ts";
import { violation } from "../behaviour/rules.ts";
import { reasonFor } from "./classify.ts";
import type { RunPlan } from "./plan.ts";
import type { Supervised } from "./supervise.ts";

const EMPTY: Omit<StepResult, "status"> = {
  exitCode: null,
  signal: null,
  stdout: new Uint8Array(),
  stderr: new Uint8Array(),
  stdoutTruncated: false,
  stderrTruncated: false,
  wallMs: 0,
  cpuMs: null,
  peakMemoryBytes: null,
  limitsHit: [],
};

/** Who ran it; the same for every outcome of a run. */
export interface OutcomeFrame {
  readonly engine: string;
  readonly isolation: IsolationLevel;
  readonly plan: RunPlan;
  readonly setupMs: number;
}

function frameFields({
  engine,
  isolation,
  plan,
  setupMs,
}: OutcomeFrame): Omit<RunOutcome, keyof StepResult | "reason" | "compile" | "violations" | "behaviourScore"> {
  const { name: language, version: languageVersion } = plan.language;
  const fields = { engine, isolation, language, languageVersion, setupMs, limits: plan.limits };
  if (plan.artifacts === null) return fields;
  return { ...fields, artifacts: noArtifacts("nothing was collected: the program did not end by itself") };
}

/** The run never started, or was given up before it did. */
export function notRun(frame: OutcomeFrame, status: "sandbox_failed" | "cancelled", reason: string): RunOutcome {
  return { ...EMPTY, ...frameFields(frame), status, reason, compile: null, violations: [], behaviourScore: 0 };
}

function compileReason(compile: StepResult, limits: Limits): string {
  if (compile.status === "exited") return `the compiler ended with exit code ${compile.exitCode}`;
  return `compile step: ${reasonFor(compile.status, limits, compile.limitsHit, compile.signal) ?? compile.status}`;
}

/** Puts the steps together. `brokenBy` is bwrap's (or another tool's) own message when the launcher never reported. */
export function outcomeOf(frame: OutcomeFrame, supervised: Supervised, brokenBy: string): RunOutcome {
  const { compile, run, statusFlooded, processesLeft } = supervised;
  const { plan } = frame;
  const violations: Violation[] = [];
  if (statusFlooded) violations.push(violation("launcher_tampering"));
  if (run?.signal === "SIGSYS") violations.push(violation("forbidden_system_call"));
  if (processesLeft) violations.push(violation("processes_left"));
  const fields = { ...frameFields(frame), compile, violations, behaviourScore: 0 };
  if (run === null) {
    if (compile === null || compile.status === "sandbox_failed") {
      return { ...EMPTY, ...fields, status: "sandbox_failed", reason: brokenBy };
    }
    if (compile.status === "cancelled")
      return { ...EMPTY, ...fields, status: "cancelled", reason: "cancelled by the caller" };
    if (compile.status === "exited" && compile.exitCode === 0) {
      return {
        ...EMPTY,
        ...fields,
        status: "out_of_memory",
        limitsHit: ["memoryBytes"],
        reason: `what the compiler made does not fit in the memory limit of ${plan.limits.memoryBytes} bytes`,
      };
    }
    return {
      ...EMPTY,
      ...fields,
      status: "compile_failed",
      reason: compileReason(compile, plan.compileLimits ?? plan.limits),
    };
  }
  if (run.status === "sandbox_failed" && statusFlooded) {
    return {
      ...run,
      ...fields,
      status: "signaled",
      signal: "SIGKILL",
      reason: "ended for tampering with the launcher",
    };
  }
  const reason =
    run.status === "sandbox_failed" ? brokenBy : reasonFor(run.status, plan.limits, run.limitsHit, run.signal);
  return { ...run, ...fields, reason, ...(supervised.artifacts == null ? {} : { artifacts: supervised.artifacts }) };
}
