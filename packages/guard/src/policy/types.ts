import type { OutputPolicy } from "../output/types.ts";

/** The author of a message in the OpenAI chat format. */
export const ROLES = ["system", "developer", "user", "assistant", "tool", "function"] as const;

/** One of `ROLES`. */
export type Role = (typeof ROLES)[number];

/** What a stage that threw or ran out of time means: refuse the prompt, or let it pass with a mark. */
export type Fail = "closed" | "open";

/** What one stage decides, and what holds when it cannot. */
export interface StagePolicy {
  /** The stage's name, such as `bayes`. */
  readonly name: string;
  /** Probability, 0 to 1, below which the text is allowed without a further stage. */
  readonly allowBelow: number;
  /** Probability, 0 to 1, from which on the text is blocked. */
  readonly blockAtOrAbove: number;
  /** How long this stage may work on one screening, all its texts together. Default 1000. */
  readonly timeoutMs: number;
  /** Default `closed`: a broken guard is no open door. */
  readonly fail: Fail;
  /**
   * Another model than the shipped one. `bayes`: a file made by `crucible guard train`. `transformer`: a folder, or
   * `ORG/NAME` or `ORG/NAME@COMMIT` of an installed model. Paths begin with `/`, `./` or `../`.
   */
  readonly model?: string;
}

/** Which parts of a conversation are screened. By default all. */
export interface ScreenPolicy {
  readonly roles: readonly Role[];
  /** Text of messages, and everything else in them that carries text, but tool calls and tool results. */
  readonly textParts: boolean;
  /** Arguments of the calls that the assistant made. */
  readonly toolCalls: boolean;
  /** Messages of the roles `tool` and `function`. */
  readonly toolResults: boolean;
  /** So many user turns in a row are also read as one text; 0 or 1 turns it off. */
  readonly joinTurns: number;
}

/** How long texts are cut. Both in UTF-16 code units. */
export interface WindowPolicy {
  readonly size: number;
  /** What two neighbours share, so that no shorter attack is cut. */
  readonly overlap: number;
}

/** How verdicts are kept. */
export interface CachePolicy {
  /** Texts whose verdict is kept; 0 turns the cache off. */
  readonly maxEntries: number;
  readonly ttlMs: number;
}

/** Everything an operator decides about screening; the format of a policy file. */
export interface Policy {
  /** Of the format. */
  readonly version: 1;
  /** In the order in which they are asked. */
  readonly stages: readonly StagePolicy[];
  readonly screen: ScreenPolicy;
  readonly window: WindowPolicy;
  readonly cache: CachePolicy;
  readonly output: OutputPolicy;
  /** Pieces of evidence kept of a text that is not allowed. */
  readonly evidence: number;
  /** Whether whoever records screenings may record the text; the pipeline itself stores none. */
  readonly storeText: boolean;
}
