/** A score with what it should have been. */
export interface Scored {
  readonly label: 0 | 1;
  readonly score: number;
}

/** Area under the ROC curve: how often an attack scores above a harmless text, ties by half. NaN without both. */
export function rocAuc(rows: readonly Scored[]): number {
  const sorted = [...rows].sort((a, b) => a.score - b.score);
  let attacks = 0;
  let rankSum = 0;
  for (let from = 0; from < sorted.length;) {
    let to = from;
    let inTie = 0;
    while (to < sorted.length && (sorted[to] as Scored).score === (sorted[from] as Scored).score) {
      inTie += (sorted[to] as Scored).label;
      to++;
    }
    rankSum += inTie * ((from + 1 + to) / 2);
    attacks += inTie;
    from = to;
  }
  const others = sorted.length - attacks;
  return (rankSum - (attacks * (attacks + 1)) / 2) / (attacks * others);
}

/** Threshold that at most `rate` of the harmless rows reach or pass (they are blocked from it on). */
export function thresholdAtFpr(rows: readonly Scored[], rate: number): number {
  const others = rows
    .filter((row) => row.label === 0)
    .map((row) => row.score)
    .sort((a, b) => b - a);
  const allowed = Math.floor(others.length * rate + 1e-9);
  const first = others[allowed];
  // Just above the first one that must not be blocked.
  return first === undefined ? 0 : nextUp(first);
}

function nextUp(value: number): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value >= 0 ? 1n : -1n));
  return view.getFloat64(0);
}

/** Share of the attacks that reach the threshold. */
export function recallAt(rows: readonly Scored[], threshold: number): number {
  const attacks = rows.filter((row) => row.label === 1);
  return attacks.filter((row) => row.score >= threshold).length / attacks.length;
}
