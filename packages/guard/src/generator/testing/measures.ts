import type { GeneratedRow } from "../types.ts";

type Scored = { score: number; label: 0 | 1 };

/** Area under the ROC curve; ties count half. 0.5 means that the score knows nothing of the label. */
export function rankAuc(scored: readonly Scored[]): number {
  const sorted = scored.toSorted((left, right) => left.score - right.score);
  let rankSum = 0;
  for (let from = 0; from < sorted.length;) {
    let to = from;
    while (to < sorted.length && sorted[to]!.score === sorted[from]!.score) to += 1;
    for (let at = from; at < to; at += 1) if (sorted[at]!.label === 1) rankSum += (from + to + 1) / 2;
    from = to;
  }
  const attacks = sorted.filter(({ label }) => label === 1).length;
  return (rankSum - (attacks * (attacks + 1)) / 2) / (attacks * (sorted.length - attacks));
}

/** The rows of every second pair, scored by the share of attacks with the same key among the other pairs. */
export function rateScores(rows: readonly GeneratedRow[], key: (row: GeneratedRow) => string): Scored[] {
  const rates = new Map<string, { attacks: number; all: number }>();
  for (const row of rows.filter((_, at) => at % 4 < 2)) {
    const rate = rates.get(key(row)) ?? { attacks: 0, all: 0 };
    rates.set(key(row), { attacks: rate.attacks + row.label, all: rate.all + 1 });
  }
  return rows
    .filter((_, at) => at % 4 >= 2)
    .map((row) => {
      const rate = rates.get(key(row));
      return { label: row.label, score: rate === undefined ? 0.5 : rate.attacks / rate.all };
    });
}

/**
 * The share of texts of five or more words that have at least `threshold` of their three-word runs in common
 * with one other, earlier text.
 */
export function nearDuplicateShare(texts: readonly string[], threshold: number): number {
  const holders = new Map<string, number[]>();
  let near = 0;
  let counted = 0;
  texts.forEach((text, index) => {
    const words = text
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u)
      .filter((word) => word !== "");
    if (words.length < 5) return;
    counted += 1;
    const runs = new Set(words.slice(2).map((word, at) => `${words[at] ?? ""} ${words[at + 1] ?? ""} ${word}`));
    const shared = new Map<number, number>();
    for (const run of runs) {
      const earlier = holders.get(run) ?? [];
      for (const other of earlier) shared.set(other, (shared.get(other) ?? 0) + 1);
      // A run that very many texts have is a neutral sentence; the cap keeps this linear.
      if (earlier.length < 60) holders.set(run, [...earlier, index]);
    }
    if (Math.max(0, ...shared.values()) >= runs.size * threshold) near += 1;
  });
  return near / counted;
}
