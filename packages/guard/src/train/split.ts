import type { Row } from "../data/row.ts";
import { seededRandom } from "./random.ts";

/**
 * Deals groups of near-duplicates into `parts` folds: all of a group into one fold, and each kind of row (label and
 * source) evenly. Element i is the fold of row i. The same seed deals the same.
 */
export function dealFolds(
  rows: readonly Pick<Row, "label" | "source">[],
  groups: ArrayLike<number>,
  parts: number,
  seed: number,
): Uint8Array {
  const random = seededRandom(seed);
  const members = new Map<number, number[]>();
  rows.forEach((_, i) => {
    const group = groups[i] as number;
    const list = members.get(group);
    if (list === undefined) members.set(group, [i]);
    else list.push(i);
  });
  // Large groups first, so that the small ones can even out what they cause.
  const order = [...members.values()]
    .map((list) => ({ list, key: random() }))
    .sort((a, b) => b.list.length - a.list.length || a.key - b.key);
  const filled = new Map<string, number[]>();
  const folds = new Uint8Array(rows.length);
  for (const { list } of order) {
    const { label, source } = rows[list[0] as number] as Row;
    const kind = `${label} ${source}`;
    let counts = filled.get(kind);
    if (counts === undefined) {
      // Kinds start at different folds, or those of a few rows would all be in the first one.
      counts = Array.from({ length: parts }, () => random() / 2);
      filled.set(kind, counts);
    }
    const fold = counts.indexOf(Math.min(...counts));
    for (const i of list) folds[i] = fold;
    counts[fold] = (counts[fold] as number) + list.length;
  }
  return folds;
}

/** Splits rows into a larger and a smaller part (`share` of the rows) that have no near-duplicates in common. */
export function splitRows<T extends Pick<Row, "label" | "source">>(
  rows: readonly T[],
  groups: ArrayLike<number>,
  share: number,
  seed: number,
): { train: T[]; test: T[] } {
  const parts = 20;
  const folds = dealFolds(rows, groups, parts, seed);
  const inTest = (_: T, i: number): boolean => (folds[i] as number) < share * parts;
  return { train: rows.filter((row, i) => !inTest(row, i)), test: rows.filter(inTest) };
}
