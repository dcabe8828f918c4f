import type { LimitName, Violation } from "../types.ts";

/** What one kind of violation means and weighs. */
export interface BehaviourRule {
  /** For people, in the past tense: what the program did. */
  readonly means: string;
  /** What it adds to the score, once a run, 1 to 100. */
  readonly weight: number;
}

/**
 * Everything that engines can see a program try. Weights are a judgement, not a measurement: what no honest program
 * does by mistake weighs most, and reaching a limit alone never makes a run suspicious.
 */
export const BEHAVIOUR_RULES = {
  launcher_tampering: { means: "wrote to the sandbox's own control descriptor", weight: 70 },
  canary_in_output: { means: "put the decoy secret of its sandbox into its output", weight: 60 },
  forbidden_system_call: { means: "was ended for a system call of a foreign architecture", weight: 50 },
  canary_read: { means: "opened and read the decoy credential file of its sandbox", weight: 40 },
  denied_network_request: { means: "tried to reach a network that it may not reach", weight: 30 },
  denied_system_call: { means: "made system calls that are refused and that no ordinary program makes", weight: 30 },
  process_flood: { means: "reached its limit of processes and threads", weight: 30 },
  processes_left: { means: "ended while processes that it had started went on", weight: 15 },
  memory_exhausted: { means: "reached its memory limit", weight: 10 },
  disk_exhausted: { means: "reached its limit on files", weight: 10 },
  output_exhausted: { means: "wrote more output than it may", weight: 10 },
  cpu_exhausted: { means: "reached its limit of processor time", weight: 5 },
  time_exhausted: { means: "was still running when its time was up", weight: 5 },
} as const satisfies Record<string, BehaviourRule>;

export type ViolationKind = keyof typeof BEHAVIOUR_RULES;

/** Which violation it is to reach a limit; null where reaching it is seen by the program alone. */
export const LIMIT_KINDS: Readonly<Record<LimitName, ViolationKind | null>> = {
  wallTimeMs: "time_exhausted",
  cpuTimeMs: "cpu_exhausted",
  cpus: null,
  memoryBytes: "memory_exhausted",
  pids: "process_flood",
  stdoutBytes: "output_exhausted",
  stderrBytes: "output_exhausted",
  fileSizeBytes: "disk_exhausted",
  diskBytes: "disk_exhausted",
  openFiles: null,
};

/** A violation of a kind of the table. */
export function violation(kind: ViolationKind, detail: string = BEHAVIOUR_RULES[kind].means): Violation {
  return { kind, detail };
}

/** 0 for nothing seen, up to 100: the weights of the kinds that were seen, each once. */
export function behaviourScore(violations: readonly Violation[]): number {
  const rules: Readonly<Record<string, BehaviourRule>> = BEHAVIOUR_RULES;
  const kinds = new Set(violations.map(({ kind }) => kind));
  return Math.min(
    100,
    [...kinds].reduce((sum, kind) => sum + (rules[kind]?.weight ?? 0), 0),
  );
}
