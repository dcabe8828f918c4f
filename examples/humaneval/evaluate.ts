import type { Client, Outcome } from "@crucible/contract";
import { attemptOf, passed, VARIANTS } from "./programs.ts";
import type { Attempt, Variant } from "./programs.ts";
import type { Task } from "./tasks.ts";

/** What became of one attempt. */
export interface Verdict {
  readonly task: string;
  readonly variant: Variant;
  readonly passed: boolean;
  readonly status: Outcome["status"];
  readonly runId: string;
  /** The end of standard error, for those that did not pass. */
  readonly stderr: string;
  readonly wallMs: number;
}

export interface EvaluateOptions {
  readonly client: Pick<Client, "createRun" | "waitForRun">;
  readonly tasks: readonly Task[];
  /** Attempts on their way at once. */
  readonly concurrency: number;
  /** Time limit of each attempt. */
  readonly seconds: number;
  /** Stops it; what was submitted goes on, unless its server is stopped too. */
  readonly signal: AbortSignal;
  readonly onVerdict: (verdict: Verdict) => void;
}

/** Runs both variants of every task through the server, and gives the verdicts in the order of the tasks. */
export async function evaluate(options: EvaluateOptions): Promise<Verdict[]> {
  const { tasks, concurrency, seconds, onVerdict } = options;
  const attempts = tasks.flatMap((task) => VARIANTS.map((variant) => attemptOf(task, variant, seconds)));
  const verdicts: Verdict[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < attempts.length; i = next++) {
      const verdict = await judge(options, attempts[i] as Attempt);
      verdicts[i] = verdict;
      onVerdict(verdict);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, attempts.length) }, lane));
  return verdicts;
}

async function judge({ client, signal }: EvaluateOptions, attempt: Attempt): Promise<Verdict> {
  const { task, variant, request, proof } = attempt;
  const answered = await client.createRun(request, { wait: true, signal });
  // A waiting call gives up after a minute; behind a long queue the run goes on.
  const run = answered.status === "finished" ? answered : await client.waitForRun(answered.id, { signal });
  if (run.outcome === null) throw new Error(`run ${run.id} has no outcome`);
  const { status, stderr, wallMs } = run.outcome;
  // A broken sandbox says nothing about the program: to count it as "did not pass" would flatter the result.
  if (status === "sandbox_failed") throw new Error(`run ${run.id}: the sandbox failed: ${run.outcome.reason ?? ""}`);
  return {
    task,
    variant,
    passed: passed(run.outcome, proof),
    status,
    runId: run.id,
    stderr: stderr.slice(-500),
    wallMs,
  };
}
