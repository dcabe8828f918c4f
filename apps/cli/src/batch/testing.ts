import type { Outcome } from "@crucible/contract";

/** An outcome for tests: a program that exited with 0 and wrote nothing, but for what is given. */
export function anOutcome(given: Partial<Outcome> = {}): Outcome {
  return {
    status: "exited",
    exitCode: 0,
    signal: null,
    stdout: "",
    stdoutEncoding: "utf8",
    stdoutTruncated: false,
    stderr: "",
    stderrEncoding: "utf8",
    stderrTruncated: false,
    wallMs: 1,
    cpuMs: 1,
    peakMemoryBytes: 1,
    limitsHit: [],
    engine: "fake",
    isolation: "none",
    languageVersion: "1",
    reason: null,
    setupMs: 0,
    limits: null,
    compile: null,
    violations: [],
    behaviourScore: 0,
    ...given,
  };
}
