import { StageError } from "../pipeline/errors.ts";

/** Why a text has no score, and what a pipeline calls that. */
const REASONS = {
  /** The queue is full: nothing is wrong with the model. */
  queue_full: "stage_busy",
  /** Not read in time, because it is long or waited for others. */
  late: "stage_timeout",
  /** A short text was not read in time although it hardly waited. */
  slow: "stage_timeout",
  /** The thread crashed or hung, twice where the text could be tried again. */
  worker_lost: "stage_threw",
  /** More than the limits allow; never cut. */
  text_too_long: "stage_threw",
  /** The model or its tokenizer threw, or gave what is no number. */
  model_failed: "stage_threw",
  closed: "stage_threw",
} as const satisfies Record<string, StageError["reason"]>;

/** One of the keys above. */
export type TransformerErrorCode = keyof typeof REASONS;

/** A text that could not be scored. The message is of the stage, not of the text. */
export class TransformerError extends StageError {
  override readonly name = "TransformerError";
  readonly code: TransformerErrorCode;
  constructor(code: TransformerErrorCode, message: string) {
    super(REASONS[code], message);
    this.code = code;
  }
}

/** The first line of any error, without control characters and at most so long: what a model says is not trusted. */
export function firstLine(error: unknown, most = 300): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n", 1)[0] ?? "").replaceAll(/[^\u0020-\u007e]+/g, "?").slice(0, most);
}

/** For a text whose thread crashed or hung. */
export const lost = (reason: string): TransformerError =>
  new TransformerError("worker_lost", `the thread was lost: ${reason}`);

/** For a text that waited until its time was over. */
export const late = (timeoutMs: number): TransformerError =>
  new TransformerError("late", `no answer within ${Math.round(timeoutMs)} ms`);

/** For a text that came too late for the stage. */
export const closed = (): TransformerError => new TransformerError("closed", "the stage is closed");
