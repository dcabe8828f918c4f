import { randomBytes } from "node:crypto";
import type { Outcome, RunRequestInput } from "@crucible/contract";
import type { Task } from "./tasks.ts";

/** `reference` is the solution that comes with the task; `broken` returns None whatever it is asked. */
export const VARIANTS = ["reference", "broken"] as const;
export type Variant = (typeof VARIANTS)[number];

/** A task made into a run, and what must be printed for it to count. */
export interface Attempt {
  readonly task: string;
  readonly variant: Variant;
  readonly request: RunRequestInput;
  /** Random, new for every attempt. */
  readonly proof: string;
}

/**
 * Runs the candidate and its check, and prints the proof only after the check has returned. An exit code alone would
 * not do: `sys.exit(0)` in a solution ends the process before any test has run, and it looks like success.
 * The proof is read, and standard input replaced, before the first line of the candidate: it stands in no file, no
 * argument and no variable of the environment.
 */
const RUNNER = `import os
import sys


def main():
    proof = sys.stdin.readline().strip()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    with open("candidate.py", encoding="utf-8") as file:
        code = compile(file.read(), "candidate.py", "exec")
    names = {"__name__": "candidate"}
    exec(code, names)
    names["check"](names[sys.argv[1]])
    print("\\n" + proof)


main()
`;

const BROKEN_BODY = "    return None\n";

/** The run for one variant of a task, with `seconds` of elapsed time for it. */
export function attemptOf(task: Task, variant: Variant, seconds: number): Attempt {
  const proof = randomBytes(16).toString("hex");
  const body = variant === "reference" ? task.canonical_solution : BROKEN_BODY;
  return {
    task: task.task_id,
    variant,
    proof,
    request: {
      language: "python",
      files: [
        { path: "main.py", content: RUNNER },
        { path: "candidate.py", content: `${task.prompt}${body}\n${task.test}\n` },
      ],
      args: [task.entry_point],
      stdin: `${proof}\n`,
      limits: { wallTimeMs: seconds * 1000, cpuTimeMs: seconds * 1000 },
      labels: { suite: "humaneval", task: task.task_id, variant },
    },
  };
}

/** Whether the check ran to its end: the program exited with 0 and the last thing it said is the proof. */
export function passed(outcome: Pick<Outcome, "status" | "exitCode" | "stdout">, proof: string): boolean {
  return outcome.status === "exited" && outcome.exitCode === 0 && outcome.stdout.endsWith(`\n${proof}\n`);
}
