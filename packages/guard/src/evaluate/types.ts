import type { Thresholds } from "../bayes/model.ts";
import type { Row } from "../data/row.ts";
import type { StageRecord } from "../pipeline/types.ts";
import type { Evidence } from "../stage.ts";

/** Pass, block, or neither: then the next stage decides, and where there is none the text passes with a flag. */
export type Decision = "allow" | "flag" | "block";

/** One row with its score. */
export interface ScoredRow extends Row {
  /** Orders all texts, 0 to 1; of one stage alone its probability, of a cascade see `cascadeScore`. */
  readonly score: number;
  /** Calibrated probability of an attack, of the stage that decided. */
  readonly probability: number;
  readonly decision: Decision;
  /** The stage that decided. */
  readonly stage: string;
}

/** A row with what its judgement cost. */
export interface JudgedRow extends ScoredRow {
  readonly perStage: readonly StageRecord[];
  readonly latencyMs: number;
}

/** What one stage of a cascade did. */
export interface StageReport {
  readonly stage: string;
  readonly version: string;
  /** Of its own probability. */
  readonly thresholds: Thresholds;
  /** Rows it saw, and those it decided. */
  readonly asked: number;
  readonly allowed: number;
  readonly blocked: number;
  /** Share of all rows that it decided. */
  readonly exitShare: number;
  /** Milliseconds per row it saw. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}

/** A number with the interval that 95% of resamples fall into. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Counts of outcomes when everything from a threshold on is blocked. */
export interface AtThreshold {
  readonly threshold: number;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly trueNegatives: number;
  readonly falseNegatives: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  readonly falsePositiveRate: number;
}

/** Rows whose score falls into one tenth: what was promised and what was so. */
export interface CalibrationBin {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly meanScore: number;
  readonly attackShare: number;
}

/** One source, or one slice that is reported apart. */
export interface SourceLine {
  readonly source: string;
  readonly attacks: number;
  readonly others: number;
  /** Blocked at the threshold of the model. */
  readonly attacksBlocked: number;
  readonly othersBlocked: number;
  /** Neither allowed nor blocked: for the next stage. */
  readonly undecided: number;
}

/** A text that was judged wrongly. */
export interface Mistake {
  readonly text: string;
  readonly source: string;
  readonly score: number;
  readonly stage: string;
  readonly evidence: readonly Evidence[];
}

/** Everything that is known about the accuracy of a stage, or of a cascade, on a set of rows. */
export interface Report {
  /** Names of the stages. */
  readonly stage: string;
  readonly version: string;
  readonly rows: number;
  readonly attacks: number;
  readonly others: number;
  /** Of the score. */
  readonly thresholds: Thresholds;
  readonly rocAuc: Interval;
  /** Recall at the threshold that blocks 1% of the harmless rows of this very set. */
  readonly recallAt1Fpr: Interval & { readonly threshold: number };
  readonly atBlock: AtThreshold;
  /** Share of the rows that need no further stage. */
  readonly decidedShare: number;
  readonly stages: readonly StageReport[];
  readonly calibration: readonly CalibrationBin[];
  /** Mean distance between promise and truth over the bins, weighted by rows. */
  readonly calibrationError: number;
  readonly brierScore: number;
  /** Points of the ROC curve, at most 200. */
  readonly roc: readonly { readonly falsePositiveRate: number; readonly recall: number }[];
  /** Rows per twentieth of the score. */
  readonly histogram: { readonly attacks: readonly number[]; readonly others: readonly number[] };
  readonly sources: readonly SourceLine[];
  /** Slices that count in no number above. */
  readonly apart: readonly SourceLine[];
  readonly lengthAuc: number;
  /** Milliseconds per row. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** Worst first. */
  readonly falsePositives: readonly Mistake[];
  readonly falseNegatives: readonly Mistake[];
}
