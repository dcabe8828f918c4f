import { seededRandom } from "../train/random.ts";
import { recallAt, rocAuc, type Scored, thresholdAtFpr } from "./roc.ts";
import type { Interval } from "./types.ts";

/** Intervals of the two headline numbers. */
export interface Headline {
  readonly rocAuc: Interval;
  readonly recallAt1Fpr: Interval & { readonly threshold: number };
}

/**
 * 95% intervals by resampling attacks and harmless rows each with replacement (percentile bootstrap, Efron 1979).
 * For the recall the threshold is found anew in each resample, since it, too, rests on a few rows.
 */
export function headline(rows: readonly Scored[], resamples: number, seed: number): Headline {
  const random = seededRandom(seed);
  const attacks = rows.filter((row) => row.label === 1);
  const others = rows.filter((row) => row.label === 0);
  const threshold = thresholdAtFpr(rows, 0.01);
  const aucs: number[] = [];
  const recalls: number[] = [];
  const draw = (from: readonly Scored[]): Scored[] =>
    from.map(() => from[Math.floor(random() * from.length)] as Scored);
  for (let i = 0; i < resamples; i++) {
    const sample = [...draw(attacks), ...draw(others)];
    aucs.push(rocAuc(sample));
    recalls.push(recallAt(sample, thresholdAtFpr(sample, 0.01)));
  }
  return {
    rocAuc: { value: rocAuc(rows), ...middle95(aucs) },
    recallAt1Fpr: { value: recallAt(rows, threshold), ...middle95(recalls), threshold },
  };
}

function middle95(values: number[]): { low: number; high: number } {
  const sorted = values.sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return { low: at(0.025), high: at(0.975) };
}
