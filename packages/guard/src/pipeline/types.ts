import type { Fail, Role } from "../policy/types.ts";
import type { Evidence } from "../stage.ts";

/** Pass, pass with a mark, refuse; or no answer, because a stage failed: what then holds is in `admitted`. */
export type Outcome = "allow" | "flag" | "block" | "error";

/** Why a verdict is what it is. */
export type Reason =
  | "below_allow"
  | "between_thresholds"
  | "at_or_above_block"
  | StageFailure["reason"]
  | "nothing_to_screen";

/** A stage that gave no probability. */
export interface StageFailure {
  readonly stage: string;
  /** It threw, was late, gave no probability, has too much to do, or its breaker is open. */
  readonly reason: "stage_threw" | "stage_timeout" | "stage_bad_score" | "stage_busy" | "stage_open";
  /** For operators; of the stage, not of the text. */
  readonly message: string;
  /** What the policy said would hold. */
  readonly fail: Fail;
}

/** What one stage did for a text or for a screening. */
export interface StageRecord {
  readonly stage: string;
  /** The highest over all texts and windows; null where it gave none. */
  readonly probability: number | null;
  /** Time spent in it, all texts and windows together; 0 for what came from the cache. */
  readonly latencyMs: number;
}

/** What the stages say about one text. */
export interface TextVerdict {
  readonly decision: Outcome;
  /** Whether the text may pass: yes for allow and flag, no for block, for an error as the policy says. */
  readonly admitted: boolean;
  /** The stage that decided or failed; null where there was nothing to screen. */
  readonly stage: string | null;
  /** That stage's calibrated probability of an attack; null where it gave none. */
  readonly probability: number | null;
  readonly reason: Reason;
  /** Empty for an allowed text. */
  readonly evidence: readonly Evidence[];
  /** Stages that failed on the way, also where a later one decided. */
  readonly failures: readonly StageFailure[];
  /** In the order of the policy; stages that were not asked are absent. */
  readonly perStage: readonly StageRecord[];
}

/** The verdict on one place of a conversation. */
export interface PlaceVerdict extends TextVerdict {
  /** Such as `messages[2].content[0].text`; `text` for a bare text. */
  readonly path: string;
  readonly cached: boolean;
}

/** The verdict on one message: its worst place. */
export interface MessageVerdict extends PlaceVerdict {
  /** Position in the conversation; 0 for a bare text. */
  readonly index: number;
  /** Null for a bare text. */
  readonly role: Role | null;
}

/** A part without text, or one that the policy leaves out. */
export interface Unscreened {
  readonly path: string;
  readonly why: "media" | "policy";
}

/** The verdict on a text or conversation: its worst place. `cached` says that no stage was asked at all. */
export interface Verdict extends PlaceVerdict {
  /** Of the messages that hold something to screen, in their order. */
  readonly perMessage: readonly MessageVerdict[];
  /** The worst of the runs of user turns that were read as one text; null where there was none. */
  readonly joined: PlaceVerdict | null;
  readonly unscreened: readonly Unscreened[];
}

/** Milliseconds from any fixed start, never going back. */
export interface Clock {
  now(): number;
}
