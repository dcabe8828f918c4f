import type { Row } from "../data/row.ts";

/** How much data there is of each class and how long it is. */
export interface Balance {
  readonly attacks: number;
  readonly others: number;
  /** Median and 95th percentile of the length in characters. */
  readonly attackLength: { readonly median: number; readonly p95: number };
  readonly otherLength: { readonly median: number; readonly p95: number };
  /** What the length alone would reach; far from 0.5 means that length gives the label away. */
  readonly lengthAuc: number;
  readonly sources: readonly { readonly source: string; readonly attacks: number; readonly others: number }[];
  /** Texts that nearly repeat another one. */
  readonly nearDuplicates: number;
}

/** Counts. `auc` is `rocAuc`, `groups` what `nearDuplicateGroups` gave. */
export function balanceOf(
  rows: readonly Row[],
  groups: ArrayLike<number>,
  auc: (rows: { label: 0 | 1; score: number }[]) => number,
): Balance {
  const sources = new Map<string, { source: string; attacks: number; others: number }>();
  const lengths: [number[], number[]] = [[], []];
  let nearDuplicates = 0;
  rows.forEach(({ text, label, source }, i) => {
    lengths[label].push(text.length);
    const entry = sources.get(source) ?? { source, attacks: 0, others: 0 };
    if (label === 1) entry.attacks++;
    else entry.others++;
    sources.set(source, entry);
    if (groups[i] !== i) nearDuplicates++;
  });
  return {
    attacks: lengths[1].length,
    others: lengths[0].length,
    attackLength: middle(lengths[1]),
    otherLength: middle(lengths[0]),
    lengthAuc: auc(rows.map(({ label, text }) => ({ label, score: text.length }))),
    sources: [...sources.values()].sort((a, b) => b.attacks + b.others - a.attacks - a.others),
    nearDuplicates,
  };
}

function middle(lengths: number[]): { median: number; p95: number } {
  const sorted = lengths.sort((a, b) => a - b);
  return {
    median: sorted[Math.floor(sorted.length / 2)] ?? 0,
    p95: sorted[Math.floor(sorted.length * 0.95)] ?? 0,
  };
}
