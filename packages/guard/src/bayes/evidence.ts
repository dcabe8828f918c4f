import type { Evidence } from "../stage.ts";
import { type BestStretch, type MeasureTables, SHORT } from "./measure.ts";
import { createScanner } from "./scan.ts";

/** Words that a piece of evidence has at most. */
const LONGEST = 4;
/** Longest stretch that is looked at: a window of forty tokens with some room. */
const MAX_STRETCH = 4_096;

/** Finds the runs of words that weighed most in a stretch. */
export type Explain = (stretch: BestStretch, limit: number) => Evidence[];

/**
 * Builds an explainer. An n-gram's weight is shared among the words it ends in, so that a reader sees words and not
 * pieces of them; the runs of up to four words with the largest sums are the evidence.
 */
export function createExplainer(tables: MeasureTables): Explain {
  const scan = createScanner(tables.settings, MAX_STRETCH);
  return ({ text, via, start, end }, limit) => {
    const stretch = text.slice(start, Math.min(end, start + MAX_STRETCH));
    const { grams, tokenEnds, tokenStarts, tokenCount, gramCount } = scan(stretch);
    const scale = tables.weightScale / Math.sqrt(gramCount + SHORT);
    const sums = new Float64Array(tokenCount + 1);
    let sum = 0;
    let gram = 0;
    for (let token = 0; token < tokenCount; token++) {
      for (; gram < (tokenEnds[token] as number); gram++) sum += tables.weights[grams[gram] as number] as number;
      sums[token + 1] = sum * scale;
    }
    const runs: { from: number; to: number; weight: number }[] = [];
    for (let from = 0; from < tokenCount; from++) {
      for (let to = from + 1; to <= Math.min(tokenCount, from + LONGEST); to++) {
        runs.push({ from, to, weight: (sums[to] as number) - (sums[from] as number) });
      }
    }
    runs.sort((a, b) => b.weight - a.weight);
    const wordsOf = ({ from, to }: { from: number; to: number }): string =>
      stretch.slice(tokenStarts[from], to < tokenCount ? tokenStarts[to] : stretch.length).trim();
    const chosen: typeof runs = [];
    for (const run of runs) {
      if (chosen.length >= limit || run.weight <= 0) break;
      // A full stop may weigh something, but tells a reader nothing.
      if (!/[\p{L}\p{N}]/u.test(wordsOf(run))) continue;
      if (chosen.every(({ from, to }) => run.to <= from || run.from >= to)) chosen.push(run);
    }
    return chosen.map((run) => ({ text: wordsOf(run), weight: run.weight, via }));
  };
}
