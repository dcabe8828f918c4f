import type { AtThreshold, CalibrationBin, Report, ScoredRow, SourceLine } from "./types.ts";

/** Counts of outcomes when everything from a score on is blocked. */
export function atThreshold(rows: readonly ScoredRow[], threshold: number): AtThreshold {
  const count = (label: 0 | 1, blocked: boolean): number =>
    rows.filter((row) => row.label === label && row.score >= threshold === blocked).length;
  const truePositives = count(1, true);
  const falsePositives = count(0, true);
  const trueNegatives = count(0, false);
  const falseNegatives = count(1, false);
  const precision = truePositives / Math.max(1, truePositives + falsePositives);
  const recall = truePositives / Math.max(1, truePositives + falseNegatives);
  return {
    threshold,
    truePositives,
    falsePositives,
    trueNegatives,
    falseNegatives,
    precision,
    recall,
    f1: truePositives === 0 ? 0 : (2 * precision * recall) / (precision + recall),
    falsePositiveRate: falsePositives / Math.max(1, falsePositives + trueNegatives),
  };
}

/** Promise and truth by tenths of the probability, and their mean distance. */
export function calibrationOf(rows: readonly ScoredRow[]): { calibration: CalibrationBin[]; calibrationError: number } {
  const calibration = Array.from({ length: 10 }, (_, bin) => {
    const inside = rows.filter(({ probability }) => Math.min(9, Math.floor(probability * 10)) === bin);
    const mean = (of: (row: ScoredRow) => number): number =>
      inside.length === 0 ? 0 : inside.reduce((sum, row) => sum + of(row), 0) / inside.length;
    return {
      from: bin / 10,
      to: (bin + 1) / 10,
      rows: inside.length,
      meanScore: mean(({ probability }) => probability),
      attackShare: mean(({ label }) => label),
    };
  });
  const off = calibration.reduce((sum, bin) => sum + bin.rows * Math.abs(bin.meanScore - bin.attackShare), 0);
  return { calibration, calibrationError: off / rows.length };
}

/** Corners of the ROC curve, at most 200. */
export function rocPoints(rows: readonly ScoredRow[]): Report["roc"] {
  const sorted = [...rows].sort((a, b) => b.score - a.score);
  const attacks = sorted.filter(({ label }) => label === 1).length;
  const points = [{ falsePositiveRate: 0, recall: 0 }];
  let caught = 0;
  let blocked = 0;
  sorted.forEach(({ label, score }, i) => {
    if (label === 1) caught++;
    else blocked++;
    // Rows of equal score are blocked together or not at all.
    if (sorted[i + 1]?.score === score) return;
    points.push({ falsePositiveRate: blocked / (sorted.length - attacks), recall: caught / attacks });
  });
  const corners = points.filter((point, i) => {
    const before = points[i - 1];
    const after = points[i + 1];
    return (
      before === undefined || after === undefined || before.recall !== point.recall || after.recall !== point.recall
    );
  });
  const step = Math.max(1, Math.ceil(corners.length / 199));
  return corners.filter((_, i) => i % step === 0 || i === corners.length - 1);
}

/** Rows of one label per twentieth of the score. */
export function histogram(rows: readonly ScoredRow[], label: 0 | 1): number[] {
  const bins = Array.from({ length: 20 }, () => 0);
  for (const row of rows) {
    if (row.label !== label) continue;
    const bin = Math.min(19, Math.floor(row.score * 20));
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  return bins;
}

/** One line per name, those with attacks first. */
export function linesBy(rows: readonly ScoredRow[], nameOf: (row: ScoredRow) => string): SourceLine[] {
  const names = [...new Set(rows.map(nameOf))];
  return names
    .map((source) => {
      const inside = rows.filter((row) => nameOf(row) === source);
      const count = (label: 0 | 1, blocked?: boolean): number =>
        inside.filter((row) => row.label === label && (blocked === undefined || row.decision === "block")).length;
      return {
        source,
        attacks: count(1),
        others: count(0),
        attacksBlocked: count(1, true),
        othersBlocked: count(0, true),
        undecided: inside.filter(({ decision }) => decision === "flag").length,
      };
    })
    .sort((a, b) => b.attacks - a.attacks || b.others - a.others);
}

/** Median and 99th percentile; 0 for no values. */
export function percentiles(values: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}
