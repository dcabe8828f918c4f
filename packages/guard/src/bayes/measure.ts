import type { Normalise } from "../normalise/normalise.ts";
import { type Trick, TRICKS } from "../normalise/types.ts";
import { createScanner, type Scan, type ScanSettings } from "./scan.ts";
import { createSurprise } from "./surprise.ts";

/** Windows, in tokens, whose best one speaks for a text: a sentence, a paragraph, a page. */
const WINDOWS = [12, 40, 120] as const;
/** Bits per character that running text in no language of the training data reaches. */
const GIBBERISH = 6;
/** Makes the score of a short stretch weaker: three n-grams are no proof. */
export const SHORT = 16;
/** Longer texts are read in blocks of this many code units, so that memory stays bounded... */
const BLOCK = 16_384;
/** ...that overlap by this many, so that no window is cut. */
const OVERLAP = 1_024;

/**
 * What is measured on a text, in the order of a model's feature vector. All are maxima or counts, none is a mean:
 * harmless text around an attack must not dilute it. Each best window is there twice, once for short texts and once
 * for long ones: the best of many windows looks worse than the best of one by chance alone, and in a long text a
 * single bad sentence may be the attack. Between 40 and 320 tokens one passes into the other.
 */
export const FEATURES = [
  ...WINDOWS.map((size) => `short${size}` as const),
  ...WINDOWS.map((size) => `long${size}` as const),
  "long",
  "length",
  "hidden",
  "surprise",
  "gibberish",
  "capitals",
  ...TRICKS,
] as const;

const LONG = WINDOWS.length;
const REST = LONG * 2;
const TRICK_START = FEATURES.length - TRICKS.length;

/** Where the stretch lies that looks most like an attack. */
export interface BestStretch {
  /** The normalised text it lies in: the text itself, or one that was hidden in it. */
  readonly text: string;
  readonly via: readonly Trick[];
  /** Code units of `text`. */
  readonly start: number;
  readonly end: number;
}

/** The learned parts that measuring needs. */
export interface MeasureTables {
  readonly settings: ScanSettings;
  /** Log-odds of each n-gram, times `weightScale`. */
  readonly weights: ArrayLike<number>;
  readonly weightScale: number;
  readonly bias: number;
  readonly surprise: Uint8Array;
}

/** Turns a text into numbers. The array is overwritten by the next call. */
export interface Measure {
  (text: string): Float64Array;
  /** The most suspicious stretch of the text that was measured last. */
  best: () => BestStretch;
}

/** Builds a measure; it keeps its working arrays, so one measure serves one thread. */
export function createMeasure(normalise: Normalise, tables: MeasureTables): Measure {
  const { weights, weightScale, bias } = tables;
  const scan = createScanner(tables.settings, BLOCK);
  const surprise = createSurprise(tables.surprise);
  const features = new Float64Array(FEATURES.length);
  const tops = new Float64Array(WINDOWS.length);
  const sums = new Float64Array(BLOCK + 2);
  const counts = new Float64Array(BLOCK + 2);
  let best: BestStretch = { text: "", via: [], start: 0, end: 0 };
  let bestScore = -Infinity;

  /** Scores one text and keeps its best windows in `tops`; gives the score of the whole and its tokens. */
  const measureText = (text: string, via: readonly Trick[]): { whole: number; tokens: number } => {
    let sum = 0;
    let count = 0;
    let tokens = 0;
    for (let from = 0; ; from += BLOCK - OVERLAP) {
      const block = text.length <= BLOCK ? text : text.slice(from, from + BLOCK);
      const found = scan(block);
      addUp(found);
      sum += sums[found.tokenCount] as number;
      count += counts[found.tokenCount] as number;
      tokens += found.tokenCount;
      slide(found, block, via);
      if (from + BLOCK >= text.length) break;
    }
    return { whole: bias + sum / Math.sqrt(count + SHORT), tokens };
  };

  /** Running sums of weights and of n-grams, by token. */
  const addUp = ({ grams, tokenEnds, tokenCount }: Scan): void => {
    let sum = 0;
    let gram = 0;
    for (let token = 0; token < tokenCount; token++) {
      const end = tokenEnds[token] as number;
      for (; gram < end; gram++) sum += weights[grams[gram] as number] as number;
      sums[token + 1] = sum * weightScale;
      counts[token + 1] = end;
    }
  };

  const slide = ({ tokenCount, tokenStarts }: Scan, text: string, via: readonly Trick[]): void => {
    for (let w = 0; w < WINDOWS.length; w++) {
      const size = Math.min(WINDOWS[w] as number, tokenCount);
      let top = -Infinity;
      let at = 0;
      for (let end = size; end <= tokenCount; end++) {
        const sum = (sums[end] as number) - (sums[end - size] as number);
        const score = sum / Math.sqrt((counts[end] as number) - (counts[end - size] as number) + SHORT);
        if (score > top) {
          top = score;
          at = end - size;
        }
      }
      top += bias;
      if (top > (tops[w] as number)) tops[w] = top;
      if (w === 1 && top > bestScore) {
        bestScore = top;
        const last = at + size;
        best = {
          text,
          via,
          start: tokenStarts[at] ?? 0,
          end: last < tokenCount ? (tokenStarts[last] as number) : text.length,
        };
      }
    }
  };

  const measure = (input: string): Float64Array => {
    const { text, hidden, undone } = normalise(input);
    tops.fill(-20);
    bestScore = -Infinity;
    const { tokens } = measureText(text, []);
    let worst = 0;
    for (const inside of hidden) worst = Math.max(worst, measureText(inside.text, inside.via).whole);
    const length = Math.log2(Math.max(1, tokens / 40));
    const long = Math.min(1, length / 3);
    for (let w = 0; w < WINDOWS.length; w++) {
      features[w] = (1 - long) * (tops[w] as number);
      features[LONG + w] = long * (tops[w] as number);
    }
    features[REST] = long;
    features[REST + 1] = length;
    features[REST + 2] = worst;
    const bits = surprise(text);
    features[REST + 3] = bits;
    features[REST + 4] = Math.min(3, Math.max(0, bits - GIBBERISH));
    features[REST + 5] = capitals(input);
    for (let i = 0; i < TRICKS.length; i++) features[TRICK_START + i] = Math.log1p(undone[TRICKS[i] as Trick]);
    return features;
  };
  return Object.assign(measure, { best: () => best });
}

/** Share of capitals among the letters a to z of the first 4,000 characters. */
function capitals(text: string): number {
  let upper = 0;
  let lower = 0;
  const end = Math.min(text.length, 4_000);
  for (let i = 0; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code >= 97 && code <= 122) lower++;
    else if (code >= 65 && code <= 90) upper++;
  }
  return upper / (upper + lower + 10);
}
