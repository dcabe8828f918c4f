import type { RunGroup } from "../cgroup/types.ts";
import { deniedCallViolations, NO_CALLS } from "../denied-calls/watched.ts";
import type { DeniedCallLog } from "../denied-calls/watched.ts";
import { deniedTargets } from "../network/open.ts";
import type { NetworkLog } from "../network/types.ts";
import type { ExecResult } from "../session/types.ts";
import type { Violation } from "../types.ts";
import type { Decoy } from "./decoy.ts";
import { holdsSecret } from "./decoy.ts";
import { behaviourScore, violation } from "./rules.ts";
import type { ViolationKind } from "./rules.ts";
import { unroutableViolations } from "./unroutable.ts";
import type { RouteWatch } from "./unroutable.ts";

/** What a sandbox that stays shows of itself: counters and logs that only grow. */
export interface SandboxSigns {
  readonly decoy: Decoy;
  /** Of the decoy file, as `countReads` gives it; null where they are not seen. */
  readonly decoyReads: (() => number) | null;
  readonly group: RunGroup | null;
  /** Null where the sandbox's addresses cannot be watched. */
  readonly routes: RouteWatch | null;
  /** Null without a network. */
  readonly networkLog: (() => NetworkLog) | null;
  /** Null where they are not seen. */
  readonly deniedCalls: (() => DeniedCallLog) | null;
}

/** What there is to say of one program in a sandbox that stays. */
export type Judgement = Pick<ExecResult, "violations" | "behaviourScore">;

const STATUS_KINDS: Partial<Readonly<Record<ExecResult["status"], ViolationKind>>> = {
  timed_out: "time_exhausted",
  out_of_memory: "memory_exhausted",
  output_exceeded: "output_exhausted",
};

/**
 * Marks the beginning of a program. What the sandbox shows from then on is held against it, also where another program
 * in the same sandbox has done it at the same time. Takes 0.1 ms at each end.
 * @returns judges the program by its end, its output, and what the sandbox has shown.
 */
export function watchProgram(signs: SandboxSigns): (result: Omit<ExecResult, keyof Judgement>) => Judgement {
  const refusedForks = (): number => signs.group?.usage().refusedForks ?? 0;
  const calls = (): DeniedCallLog => signs.deniedCalls?.() ?? NO_CALLS;
  const before = {
    decoyReads: signs.decoyReads?.() ?? 0,
    attempts: signs.routes?.attempts() ?? 0,
    refusedForks: refusedForks(),
    calls: calls().numbers.length,
    requests: signs.networkLog?.().requests.length ?? 0,
  };
  return (result) => {
    const violations: Violation[] = [];
    const limit = STATUS_KINDS[result.status];
    if (limit !== undefined) violations.push(violation(limit));
    if (result.signal === "SIGSYS") violations.push(violation("forbidden_system_call"));
    if (refusedForks() > before.refusedForks) violations.push(violation("process_flood"));
    violations.push(...unroutableViolations((signs.routes?.attempts() ?? 0) - before.attempts));
    if ((signs.decoyReads?.() ?? 0) > before.decoyReads) violations.push(violation("canary_read"));
    const { numbers, isFull } = calls();
    violations.push(...deniedCallViolations({ numbers: numbers.slice(before.calls), isFull }));
    if (signs.networkLog !== null) violations.push(...deniedTargets(signs.networkLog(), before.requests));
    for (const stream of ["stdout", "stderr"] as const) {
      if (holdsSecret(result[stream], signs.decoy.secret))
        violations.push(violation("canary_in_output", `the decoy secret is in ${stream}`));
    }
    return { violations, behaviourScore: behaviourScore(violations) };
  };
}
