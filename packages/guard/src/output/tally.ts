import { mergeRecords } from "../pipeline/worst.ts";
import type { StageFailure, StageRecord, Verdict } from "../pipeline/types.ts";
import type { Found } from "./inspect.ts";
import type { OutputDecision, OutputFinding, OutputPlace, OutputVerdict } from "./types.ts";

/** More findings are counted in the decision, and not listed. */
const MAX_FINDINGS = 32;

/** Gathers what the places of one answer led to. */
export interface Tally {
  /** Whether the answer must not go on. */
  readonly stopped: boolean;
  /** Notes a finding; the same one is noted once. `start` is that of its place. */
  add(place: OutputPlace, found: Found): void;
  /** Notes what the guard's own stages say of a text. */
  addVerdict(place: OutputPlace, check: "toolCalls" | "text", action: "flag" | "block", verdict: Verdict): void;
  /** Adds time spent. */
  spent(latencyMs: number): void;
  verdict(): OutputVerdict;
}

/** A tally with nothing in it. */
export function createTally(): Tally {
  const findings: OutputFinding[] = [];
  const seen = new Set<string>();
  const failures: StageFailure[] = [];
  let perStage: readonly StageRecord[] = [];
  let latencyMs = 0;
  let [blocked, closed, redacted, open, flagged] = [false, false, false, false, false];

  const note = (finding: OutputFinding): void => {
    const { check, kind, action, place, start } = finding;
    blocked ||= action === "block";
    redacted ||= action === "redact";
    flagged ||= action === "flag";
    // Windows overlap: a secret has its place, all else is told once.
    const key = JSON.stringify([check, kind, action, place, check === "secrets" ? start : null]);
    if (seen.has(key) || findings.length >= MAX_FINDINGS) return;
    seen.add(key);
    findings.push(finding);
  };

  const decision = (): OutputDecision => {
    if (blocked) return "block";
    if (closed) return "error";
    if (redacted) return "redact";
    if (open) return "error";
    return flagged ? "flag" : "allow";
  };

  return {
    get stopped() {
      return blocked || closed;
    },
    add: (place, { check, kind, action, start, end, via }) => {
      const length = start === null || end === null ? null : end - start;
      note({ check, kind, action, place, start, length, via, probability: null, evidence: [] });
    },
    addVerdict: (place, check, action, verdict) => {
      failures.push(...verdict.failures);
      perStage = mergeRecords([perStage, verdict.perStage]);
      if (verdict.decision === "allow") return;
      if (verdict.decision === "error") {
        if (verdict.admitted || action === "flag") open = true;
        else closed = true;
        return;
      }
      const { stage, probability, evidence } = verdict;
      const does = verdict.decision === "block" ? action : "flag";
      const kind = stage ?? "guard";
      note({ check, kind, action: does, place, start: null, length: null, via: [], probability, evidence });
    },
    spent: (ms) => {
      latencyMs += ms;
    },
    verdict: () => ({
      decision: decision(),
      admitted: !blocked && !closed,
      findings: [...findings],
      failures: [...failures],
      perStage,
      latencyMs,
    }),
  };
}
