import type { RunOutcome, StepResult, Violation } from "../types.ts";
import { type Decoy, holdsSecret } from "./decoy.ts";
import { behaviourScore, LIMIT_KINDS, violation } from "./rules.ts";

/** What one step shows of itself: limits that it reached, and what is in its output. */
function seenIn(step: StepResult, name: "compile" | "run", decoy: Decoy): Violation[] {
  const found: Violation[] = [];
  for (const limit of step.limitsHit) {
    const kind = LIMIT_KINDS[limit];
    if (kind !== null) found.push(violation(kind, `${name} step: reached ${limit}`));
  }
  for (const stream of ["stdout", "stderr"] as const) {
    if (holdsSecret(step[stream], decoy.secret)) {
      found.push(violation("canary_in_output", `${name} step: the decoy secret is in ${stream}`));
    }
  }
  return found;
}

/** The outcome with what an engine has seen by its own means. */
export function withSeen(outcome: RunOutcome, seen: readonly Violation[]): RunOutcome {
  return seen.length === 0 ? outcome : { ...outcome, violations: [...outcome.violations, ...seen] };
}

/**
 * Adds to an outcome what its limits and its output show, and the score of all its violations together.
 * The engine's own evidence is in it already.
 */
export function judge(outcome: RunOutcome, decoy: Decoy): RunOutcome {
  const violations = [
    ...outcome.violations,
    ...(outcome.compile === null ? [] : seenIn(outcome.compile, "compile", decoy)),
    ...seenIn(outcome, "run", decoy),
  ];
  return { ...outcome, violations, behaviourScore: behaviourScore(violations) };
}
