import type { ScanSettings } from "./scan.ts";

/** Where the stage stops deciding: below `allowBelow` the text passes, from `blockFrom` on it is blocked. */
export interface Thresholds {
  readonly allowBelow: number;
  readonly blockFrom: number;
}

/** A trained Bayes filter. */
export interface BayesModel {
  /** Free name, such as `bayes-1`. */
  readonly name: string;
  readonly settings: ScanSettings;
  /** Log-odds of each n-gram in steps of `weightScale`. */
  readonly weights: Int8Array;
  readonly weightScale: number;
  readonly bias: number;
  /** Surprise of each run of three signs, in sixteenths of a bit. */
  readonly surprise: Uint8Array;
  /** Names of the measured features, as the model was trained on them. */
  readonly features: readonly string[];
  /** Log-odds of an attack: `offset + sum of coefficient * min(max(feature, low), high)`. */
  readonly coefficients: readonly number[];
  /** The range each feature had in training; outside of it nothing was learned. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly offset: number;
  /** What the thresholds of a policy are unless it names others. */
  readonly thresholds: Thresholds;
  /** Where the weights come from: sources, counts, seed. */
  readonly origin: Readonly<Record<string, unknown>>;
}

/** Steps of a table of weights with 8 bits each: what is beyond the 99.99th percentile is cut. */
export function quantise(weights: Float32Array): { weights: Int8Array; weightScale: number } {
  const sizes = weights
    .filter((weight) => weight !== 0)
    .map(Math.abs)
    .sort();
  const top = sizes[Math.floor(sizes.length * 0.9999)] ?? sizes.at(-1) ?? 1;
  const weightScale = (top || 1) / 127;
  return {
    weights: Int8Array.from(weights, (weight) => Math.max(-127, Math.min(127, Math.round(weight / weightScale)))),
    weightScale,
  };
}
