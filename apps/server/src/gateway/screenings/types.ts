import type { Evidence, StageFailure, StageRecord } from "@crucible/guard";

/** Through which door a text came. */
export type ScreeningSource = "gateway" | "api";
/** On its way to a model, or back. */
export type ScreeningDirection = "input" | "output";
/** Of the guard; `redact` for answers alone. */
export type ScreeningDecision = "allow" | "flag" | "redact" | "block" | "error";

/** What a check of answers found, as it is kept: never the secret itself. */
export interface ScreeningFinding {
  readonly check: string;
  readonly kind: string;
  readonly action: string;
  /** Such as `choices[0].content`. */
  readonly path: string;
  /** UTF-16 code units; null where it was found in a decoded form. */
  readonly start: number | null;
  readonly length: number | null;
  readonly via: readonly string[];
}

/** One screening on its way into the database. */
export interface NewScreening {
  /** Of `ScreeningRecorder.nextId`: it can be named in a header before the row exists. */
  readonly id: string;
  readonly source: ScreeningSource;
  readonly direction: ScreeningDirection;
  readonly decision: ScreeningDecision;
  /** Whether the text passed: an error passes where the policy is open. */
  readonly admitted: boolean;
  /** The stage or check that decided; null where there was nothing to screen, or a check of answers found nothing. */
  readonly stage: string | null;
  /** Its probability of an attack; null where it gave none. */
  readonly score: number | null;
  /** Such as `at_or_above_block`; for answers the kind of what was found. */
  readonly reason: string;
  /** No stage was asked: the verdict was known. */
  readonly cached: boolean;
  /** All of the screening, milliseconds. */
  readonly latencyMs: number;
  /** The model that was asked for; null where there is none. */
  readonly model: string | null;
  /** Of the API key. */
  readonly keyId: string | null;
  /** Joins the two screenings of one request with the server's log. */
  readonly requestId: string | null;
  readonly evidence: readonly Evidence[];
  readonly failures: readonly StageFailure[];
  readonly perStage: readonly StageRecord[];
  readonly findings: readonly ScreeningFinding[];
  /** What was screened. Kept as a keyed hash; as text only where the policy says `storeText`. */
  readonly text: string;
}

/** Writes screenings behind the requests that they belong to. */
export interface ScreeningRecorder {
  /** `scr_` and a ULID. */
  nextId(): string;
  /**
   * Puts a screening into the buffer. Waits for room when the buffer is full: a database that is slower than the
   * gateway slows it down. False when there was no room in time, or after `close`: the loss is counted and logged.
   */
  record(screening: NewScreening): Promise<boolean>;
  /** Writes what is buffered, and takes nothing more. */
  close(): Promise<void>;
}
