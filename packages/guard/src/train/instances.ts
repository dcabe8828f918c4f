import { createScanner, type ScanSettings } from "../bayes/scan.ts";
import type { Row } from "../data/row.ts";
import type { Normalised } from "../normalise/types.ts";
import type { Instance } from "./linear.ts";

/** Tokens per stretch and from one stretch to the next: paragraphs of any text, sentences of longer ones. */
const SIZES = [
  { tokens: 60, stride: 30, from: 0 },
  { tokens: 20, stride: 20, from: 40 },
] as const;
/** What is read of one training text: about five pages. */
export const MAX_TEXT = 16_384;

/** Cuts training texts into stretches. */
export type Cut = (row: Row, normalised: Normalised, document: number, weight: number) => Instance[];

/**
 * Builds the cutter. Whole texts would teach the length: attacks are several times as long as other texts. The
 * stretches of an attack share its weight; those of a harmless text count more together than one short text does,
 * since none of them may be blocked.
 */
export function createCutter(settings: ScanSettings): Cut {
  const scan = createScanner(settings, MAX_TEXT);
  return ({ label }, { text, hidden }, document, weight) => {
    const stretches: Int32Array[] = [];
    for (const part of [text, ...hidden.map((inside) => inside.text)]) {
      const { grams, tokenEnds, tokenCount } = scan(part.slice(0, MAX_TEXT));
      const endOf = (tokens: number): number => (tokens === 0 ? 0 : (tokenEnds[tokens - 1] as number));
      for (const size of SIZES) {
        if (tokenCount < size.from) continue;
        for (let from = 0; ; from += size.stride) {
          const to = from + size.tokens + size.stride >= tokenCount ? tokenCount : from + size.tokens;
          stretches.push(grams.slice(endOf(from), endOf(to)));
          if (to === tokenCount) break;
        }
      }
    }
    const share = weight / (label === 1 ? stretches.length : Math.sqrt(stretches.length));
    return stretches.map((grams) => ({ grams, document, label, weight: share }));
  };
}

/**
 * Weight of each row: a source counts by the square root of its size, or the largest one would teach its style for
 * the class, and attacks together have the share `attackShare` of the total.
 */
export function rowWeights(rows: readonly Pick<Row, "label" | "source">[], attackShare: number): Float64Array {
  const sizes = new Map<string, number>();
  for (const { label, source } of rows) sizes.set(`${label} ${source}`, (sizes.get(`${label} ${source}`) ?? 0) + 1);
  const raw = rows.map(({ label, source }) => 1 / Math.sqrt(sizes.get(`${label} ${source}`) ?? 1));
  const totals: [number, number] = [0, 0];
  rows.forEach(({ label }, i) => {
    totals[label] += raw[i] as number;
  });
  return Float64Array.from(rows, ({ label }, i) => {
    const share = label === 1 ? attackShare : 1 - attackShare;
    return ((raw[i] as number) / totals[label]) * share * rows.length;
  });
}
