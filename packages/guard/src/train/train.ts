import { createMeasure, FEATURES } from "../bayes/measure.ts";
import { type BayesModel, quantise, type Thresholds } from "../bayes/model.ts";
import type { ScanSettings } from "../bayes/scan.ts";
import { trainSurprise } from "../bayes/surprise.ts";
import type { Row } from "../data/row.ts";
import { rocAuc, thresholdAtFpr } from "../evaluate/roc.ts";
import { createNormaliser } from "../normalise/normalise.ts";
import { type Balance, balanceOf } from "./balance.ts";
import { nearDuplicateGroups } from "./duplicates.ts";
import { createCutter, MAX_TEXT, rowWeights } from "./instances.ts";
import { fitLinear, type Instance, type LinearOptions } from "./linear.ts";
import { fitLogistic, type Logistic } from "./logistic.ts";
import { padRows } from "./padding.ts";
import { seededRandom } from "./random.ts";
import { dealFolds } from "./split.ts";

/** How a filter is trained. The defaults are those of the shipped model. */
export interface TrainOptions {
  readonly name: string;
  readonly settings: ScanSettings;
  readonly linear: Omit<LinearOptions, "bits">;
  /** Parts of the data; each is measured by weights learned on the others, for calibration and thresholds. */
  readonly folds: number;
  /** Penalty on the weights of the second step. */
  readonly ridge: number;
  /** Share of the attacks in the total weight while n-grams are learned... */
  readonly attackShare: number;
  /** ...and while probabilities are: what a calibrated probability takes for granted about the traffic. */
  readonly priorShare: number;
  /** False-positive rate at which texts are blocked. */
  readonly blockFpr: number;
  /** Share of the attacks that may be let through without a look of a later stage. */
  readonly allowMiss: number;
  /** Decides folds and order: the same seed and data give the same bytes. */
  readonly seed: number;
  /** Goes into the model file as it is. */
  readonly origin: Readonly<Record<string, unknown>>;
}

/** 2^19 weights of one byte stay in the cache of most processors; 2^20 of them measured no better. */
export const DEFAULT_TRAIN = {
  name: "bayes",
  settings: { bits: 19, charMin: 3, charMax: 5 },
  linear: { variant: "log-ratio", smoothing: 0.5, epochs: 6, rate: 0.3, pull: 0.01, prior: 0.3, minTexts: 3 },
  folds: 4,
  ridge: 1,
  attackShare: 0.5,
  priorShare: 0.2,
  blockFpr: 0.01,
  allowMiss: 0.02,
  seed: 1,
  origin: {},
} as const satisfies TrainOptions;

/** What training says about itself, measured on texts that were held out in turn. */
export interface TrainReport {
  readonly balance: Balance;
  readonly heldOut: { readonly rocAuc: number; readonly recallAtBlock: number };
  readonly thresholds: Thresholds;
}

/** One padded text for so many rows. */
const PAD_EVERY = 4;

/** Steps of training, in order, for a progress bar. */
export type OnStep = (done: number, total: number, what: string) => void;

/**
 * Trains a filter. Needs at least `folds` attacks and `folds` other texts, or throws a RangeError.
 * Twice as many n-grams take twice the time: 10,000 prompts about 10 s.
 */
export function trainBayes(
  rows: readonly Row[],
  options: Partial<TrainOptions> = {},
  onStep: OnStep = () => {},
): { model: BayesModel; report: TrainReport } {
  const {
    name,
    settings,
    linear,
    folds,
    ridge,
    attackShare,
    priorShare,
    blockFpr,
    allowMiss,
    seed,
    origin,
  }: TrainOptions = {
    ...DEFAULT_TRAIN,
    ...options,
  };
  const attacks = rows.filter(({ label }) => label === 1).length;
  if (attacks < folds || rows.length - attacks < folds) {
    throw new RangeError(`training needs at least ${folds} attacks and ${folds} other texts`);
  }
  const steps = folds + 3;
  onStep(0, steps, "finding near-duplicates");
  const normalise = createNormaliser();
  const groups = nearDuplicateGroups(
    rows.map(({ text }) => text.slice(0, MAX_TEXT)),
    normalise,
  );
  const fold = dealFolds(rows, groups, folds, seed);

  onStep(1, steps, "taking n-grams");
  const learning = rowWeights(rows, attackShare);
  const weights = rowWeights(rows, priorShare);
  const cut = createCutter(settings);
  const benign: string[] = [];
  const instances = rows.map((row, i) => {
    const normalised = normalise(row.text.slice(0, MAX_TEXT));
    benign.push(row.label === 0 ? normalised.text : "");
    return cut(row, normalised, i, learning[i] as number);
  });

  const learn = (keep: (row: number) => boolean) => {
    const kept: Instance[] = instances
      .filter((_, i) => keep(i))
      .flat()
      .map((instance) => ({ ...instance }));
    const { weights: found, bias } = fitLinear(kept, { ...linear, bits: settings.bits }, seededRandom(seed));
    return { settings, ...quantise(found), bias, surprise: trainSurprise(benign.filter((_, i) => keep(i))) };
  };
  const features: Float64Array[] = rows.map(() => new Float64Array());
  // Long texts, made within each part so that no row helps to judge itself.
  const long: { features: Float64Array; label: 0 | 1; weight: number }[] = [];
  for (let held = 0; held < folds; held++) {
    onStep(2 + held, steps, `holding out part ${held + 1} of ${folds}`);
    const measure = createMeasure(
      normalise,
      learn((i) => fold[i] !== held),
    );
    rows.forEach(({ text }, i) => {
      if (fold[i] === held) features[i] = measure(text).slice();
    });
    const inPart = (_: unknown, i: number): boolean => fold[i] === held;
    const padded = padRows(rows.filter(inPart), weights.filter(inPart), PAD_EVERY, seededRandom(seed + held));
    for (const { text, label, weight } of padded) long.push({ features: measure(text).slice(), label, weight });
  }
  onStep(2 + folds, steps, "learning from all");
  const all = [
    ...rows.map(({ label }, i) => ({ features: features[i] as Float64Array, label, weight: weights[i] as number })),
    ...long,
  ];
  const measured = all.map((each) => each.features);
  const labels = all.map(({ label }) => label);
  const logistic = fitLogistic(
    measured,
    labels,
    all.map(({ weight }) => weight),
    ridge,
    FLOORS,
  );
  const combined = combination(logistic, measured);
  const scored = rows.map(({ label }, i) => ({ label, score: probability(combined, features[i] as Float64Array) }));
  const thresholds = chooseThresholds(scored, blockFpr, allowMiss);
  const model: BayesModel = { name, ...learn(() => true), features: [...FEATURES], ...combined, thresholds, origin };
  onStep(steps, steps, "done");
  const caught = scored.filter(({ label, score }) => label === 1 && score >= thresholds.blockFrom).length;
  return {
    model,
    report: {
      balance: balanceOf(rows, groups, rocAuc),
      heldOut: { rocAuc: rocAuc(scored), recallAtBlock: caught / attacks },
      thresholds,
    },
  };
}

/** What may not lower the probability: bad stretches and undone tricks. Style may do both. */
const FLOORS = FEATURES.map((feature) =>
  ["capitals", "surprise", "length", "long"].includes(feature) ? -Infinity : 0,
);

type Combination = Pick<BayesModel, "coefficients" | "low" | "high" | "offset">;

function combination({ mean, scale, weights, bias }: Logistic, features: readonly Float64Array[]): Combination {
  const coefficients = Array.from(weights, (weight, i) => weight / (scale[i] as number));
  const offset = coefficients.reduce((sum, coefficient, i) => sum - coefficient * (mean[i] as number), bias);
  const low = coefficients.map((_, i) => features.reduce((least, row) => Math.min(least, row[i] as number), Infinity));
  const high = coefficients.map((_, i) => features.reduce((most, row) => Math.max(most, row[i] as number), -Infinity));
  return { coefficients, low, high, offset };
}

function probability({ coefficients, offset }: Combination, features: Float64Array): number {
  const sum = coefficients.reduce((total, coefficient, i) => total + coefficient * (features[i] as number), offset);
  return 1 / (1 + Math.exp(-sum));
}

/** Blocks at the wanted false-positive rate; lets pass where at most `allowMiss` of the attacks are below. */
export function chooseThresholds(
  scored: readonly { label: 0 | 1; score: number }[],
  blockFpr: number,
  allowMiss: number,
): Thresholds {
  const blockFrom = Math.min(1, thresholdAtFpr(scored, blockFpr));
  const low = scored
    .filter(({ label }) => label === 1)
    .map(({ score }) => score)
    .sort((a, b) => a - b);
  const allowBelow = low[Math.floor(low.length * allowMiss)] ?? 0;
  return { allowBelow: Math.min(allowBelow, blockFrom), blockFrom };
}
