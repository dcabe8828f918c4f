import type { Outcome } from "@crucible/contract";

/** The outcome of a run that never got to an engine, or got nothing back from it. */
export function emptyOutcome(end: {
  readonly status: "sandbox_failed" | "cancelled";
  readonly engine: string;
  readonly isolation: Outcome["isolation"];
  readonly reason: string;
}): Outcome {
  return {
    ...end,
    exitCode: null,
    signal: null,
    stdout: "",
    stdoutEncoding: "utf8",
    stdoutTruncated: false,
    stderr: "",
    stderrEncoding: "utf8",
    stderrTruncated: false,
    wallMs: 0,
    cpuMs: null,
    peakMemoryBytes: null,
    limitsHit: [],
    languageVersion: null,
    setupMs: 0,
    limits: null,
    compile: null,
    violations: [],
    behaviourScore: 0,
  };
}
