import { StageTimeoutError } from "../pipeline/errors.ts";
import { late } from "./errors.ts";
import { MAX_BATCH_LENGTH, MAX_BATCH_TEXTS } from "./limits.ts";
import type { TransformerScore } from "./types.ts";

/** A text that waits for a thread, or is with one. */
export interface Job {
  readonly text: string;
  /** By `performance.now()`. */
  readonly startedAt: number;
  readonly endsAt: number;
  /** Never in a batch with others: a thread was lost over it. */
  isAlone: boolean;
  readonly resolve: (score: TransformerScore) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Takes the job that waits longest out of the queue, and with it up to `most` in all of about its length, so that no
 * short text waits for a long one in its batch.
 */
export function takeBatch(queue: Job[], most: number): Job[] {
  const first = queue.shift();
  if (first === undefined) return [];
  const batch = [first];
  if (first.isAlone) return batch;
  let length = first.text.length;
  for (let i = 0; i < queue.length && batch.length < Math.min(most, MAX_BATCH_TEXTS);) {
    const job = queue[i];
    if (job === undefined) break;
    const [shorter, longer] = [job.text.length, first.text.length].toSorted((a, b) => a - b) as [number, number];
    if (job.isAlone || longer > shorter * 2 + 64 || length + job.text.length > MAX_BATCH_LENGTH) {
      i++;
      continue;
    }
    length += job.text.length;
    batch.push(job);
    queue.splice(i, 1);
  }
  return batch;
}

/** Adds a text. It leaves the queue, and the promise rejects, when its time is over or the caller goes while it waits. */
export async function enqueue(
  queue: Job[],
  text: string,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
): Promise<TransformerScore> {
  const { promise, resolve, reject } = Promise.withResolvers<TransformerScore>();
  const startedAt = performance.now();
  const job: Job = { text, startedAt, endsAt: startedAt + timeoutMs, isAlone: false, resolve, reject };
  const withdraw = (reason: unknown): void => {
    const at = queue.indexOf(job);
    if (at < 0) return;
    queue.splice(at, 1);
    reject(reason);
  };
  const timer = setTimeout(() => withdraw(late(timeoutMs)), timeoutMs);
  const onAbort = (): void => {
    const reason: unknown = signal?.reason;
    withdraw(reason instanceof StageTimeoutError ? late(timeoutMs) : reason);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  queue.push(job);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Characters that any model reads in a fraction of a sensible deadline. */
const SHORT_TEXT = 2_048;

/** Whether a text that was late should not have been: it is short, and had half of its time when a thread took it. */
export function isSlow({ text, startedAt, endsAt }: Job, takenAt: number): boolean {
  return text.length <= SHORT_TEXT && endsAt - takenAt >= (endsAt - startedAt) / 2;
}
