import type { Stage, StageScore } from "../stage.ts";
import { StageError, StageTimeoutError } from "./errors.ts";
import type { Clock, StageFailure, StageRecord } from "./types.ts";

/** A score, or why there is none. */
export type Answer = { readonly latencyMs: number } & (
  | { readonly score: StageScore }
  | { readonly score: null; readonly reason: StageFailure["reason"]; readonly message: string }
);

/** What one question to a stage needs. */
export interface Question {
  readonly text: string;
  readonly evidence: number;
  readonly evidenceFrom: number;
  /** What the stages before said. */
  readonly earlier: readonly StageRecord[];
  /** Time that the stage has left. */
  readonly timeoutMs: number;
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
}

const TIMEOUT = Symbol("timeout");

/**
 * Asks a stage and always gets an answer in time: what it throws, lateness, and what is no probability are answers
 * too. Rejects only with the caller's abort reason. A stage that computes on this thread cannot be interrupted; its
 * answer is thrown away when it comes late.
 */
export async function ask(stage: Stage, question: Question, clock: Clock): Promise<Answer> {
  const { text, evidence, evidenceFrom, earlier, timeoutMs, signal } = question;
  const start = clock.now();
  const late = (): Answer => ({
    score: null,
    reason: "stage_timeout",
    message: `${stage.name} had no answer in its time`,
    latencyMs: clock.now() - start,
  });
  if (timeoutMs <= 0) return late();
  const controller = new AbortController();
  try {
    const given = stage.screen(text, { evidence, evidenceFrom, earlier, timeoutMs, signal: controller.signal });
    const score = given instanceof Promise ? await inTime(given, timeoutMs, controller, signal) : given;
    const latencyMs = clock.now() - start;
    if (score === TIMEOUT || latencyMs > timeoutMs) return late();
    const { probability } = score;
    if (typeof probability === "number" && probability >= 0 && probability <= 1) return { score, latencyMs };
    return { score: null, reason: "stage_bad_score", message: `${stage.name} gave no probability`, latencyMs };
  } catch (error) {
    signal?.throwIfAborted();
    const message = `${stage.name} failed: ${error instanceof Error ? error.message : String(error)}`;
    const reason = error instanceof StageError ? error.reason : "stage_threw";
    return { score: null, reason, message, latencyMs: clock.now() - start };
  }
}

/** The promise's value, or `TIMEOUT`; rejects when the caller goes. Either way the stage's signal is aborted. */
async function inTime(
  given: Promise<StageScore>,
  timeoutMs: number,
  controller: AbortController,
  signal: AbortSignal | undefined,
): Promise<StageScore | typeof TIMEOUT> {
  const { promise, resolve, reject } = Promise.withResolvers<typeof TIMEOUT>();
  const onAbort = (): void => {
    controller.abort(signal?.reason);
    reject(signal?.reason as Error);
  };
  const timer = setTimeout(() => {
    controller.abort(new StageTimeoutError());
    resolve(TIMEOUT);
  }, timeoutMs);
  signal?.addEventListener("abort", onAbort, { once: true });
  // The caller may have gone while the stage started.
  if (signal?.aborted === true) onAbort();
  try {
    return await Promise.race([given, promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
