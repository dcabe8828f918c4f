/** One thing that is wrong with a policy file. */
export interface PolicyProblem {
  /** Counted from 1. */
  readonly line: number;
  /** Counted from 1. */
  readonly column: number;
  /** Such as `stages[0].allowBelow`; empty for the whole file. */
  readonly path: string;
  /** What is wrong and what would be right. */
  readonly message: string;
}

/** A policy that cannot be used: every problem is in the message, one a line, as `file:line:column: path: message`. */
export class PolicyError extends Error {
  readonly code = "invalid_policy";
  readonly file: string;
  readonly problems: readonly PolicyProblem[];
  /** What to do next. */
  readonly fix = "mend the policy; docs/reference/guard-policy.md describes its keys";
  constructor(file: string, problems: readonly PolicyProblem[], cause?: unknown) {
    const lines = problems.map(({ line, column, path, message }) =>
      [`${file}:${line}:${column}`, path, message].filter((part) => part !== "").join(": "),
    );
    super(lines.join("\n"), { cause });
    this.name = "PolicyError";
    this.file = file;
    this.problems = problems;
  }
}
