import type { Thresholds } from "../bayes/model.ts";
import type { Row } from "../data/row.ts";
import type { Stage } from "../stage.ts";
import { headline } from "./bootstrap.ts";
import { rocAuc } from "./roc.ts";
import type { AtThreshold, CalibrationBin, Decision, Mistake, Report, ScoredRow, SourceLine } from "./types.ts";

/** How an evaluation is done. */
export interface EvaluateOptions {
  readonly thresholds: Thresholds;
  /** Rows with such a note count in no headline number and get a line of their own. */
  readonly apart?: (note: string) => boolean;
  /** Resamples for the intervals. */
  readonly resamples?: number;
  readonly seed?: number;
  /** Wrongly judged texts that are listed, of each kind. */
  readonly mistakes?: number;
  readonly onRow?: (done: number) => void;
  /** Milliseconds, for latencies. */
  readonly now?: () => number;
}

/** Harmful requests without an injection are no attacks by our label, and no ordinary traffic either. */
export const isApart = (note: string): boolean => note.endsWith("no_injection");

/** Runs a stage over rows and reports how good it is. Throws a RangeError without both labels among the rows. */
export async function evaluate(
  rows: readonly Row[],
  stage: Stage,
  options: EvaluateOptions,
): Promise<{ report: Report; scored: ScoredRow[] }> {
  const { thresholds, apart = isApart, resamples = 1000, seed = 1, mistakes = 25 } = options;
  const { onRow = () => {}, now = () => performance.now() } = options;
  if (!rows.some(({ label }) => label === 1) || !rows.some(({ label, note }) => label === 0 && !apart(note))) {
    throw new RangeError("an evaluation needs rows of both labels");
  }
  const scored: ScoredRow[] = [];
  const latencies: number[] = [];
  for (const row of rows) {
    const before = now();
    const { probability } = await stage.screen(row.text);
    latencies.push(now() - before);
    scored.push({ ...row, score: probability, decision: decide(probability, thresholds), stage: stage.name });
    onRow(scored.length);
  }
  const main = scored.filter(({ note }) => !apart(note));
  const sorted = latencies.sort((a, b) => a - b);
  const wrong = async (found: readonly ScoredRow[]): Promise<Mistake[]> => {
    const list: Mistake[] = [];
    for (const { text, source, score } of found.slice(0, mistakes)) {
      const { evidence } = await stage.screen(text, { evidence: 4 });
      list.push({ text, source, score, evidence });
    }
    return list;
  };
  const { blockFrom } = thresholds;
  const report: Report = {
    stage: stage.name,
    version: stage.version,
    rows: main.length,
    attacks: main.filter(({ label }) => label === 1).length,
    others: main.filter(({ label }) => label === 0).length,
    thresholds,
    ...headline(main, resamples, seed),
    atBlock: atThreshold(main, blockFrom),
    decidedShare: main.filter(({ decision }) => decision !== "flag").length / main.length,
    ...calibrationOf(main),
    brierScore: main.reduce((sum, { score, label }) => sum + (score - label) ** 2, 0) / main.length,
    roc: rocPoints(main),
    histogram: { attacks: histogram(main, 1), others: histogram(main, 0) },
    sources: linesBy(main, ({ source }) => source),
    apart: linesBy(
      scored.filter(({ note }) => apart(note)),
      ({ source, note }) => `${source} (${note})`,
    ),
    lengthAuc: rocAuc(main.map(({ label, text }) => ({ label, score: text.length }))),
    latencyMs: {
      p50: sorted[Math.floor(sorted.length * 0.5)] ?? 0,
      p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
    },
    falsePositives: await wrong(
      main.filter(({ label, score }) => label === 0 && score >= blockFrom).sort((a, b) => b.score - a.score),
    ),
    falseNegatives: await wrong(
      main.filter(({ label, score }) => label === 1 && score < blockFrom).sort((a, b) => a.score - b.score),
    ),
  };
  return { report, scored };
}

/** What the thresholds make of a probability. */
export function decide(probability: number, { allowBelow, blockFrom }: Thresholds): Decision {
  if (probability >= blockFrom) return "block";
  return probability < allowBelow ? "allow" : "flag";
}

function atThreshold(rows: readonly ScoredRow[], threshold: number): AtThreshold {
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

function calibrationOf(rows: readonly ScoredRow[]): { calibration: CalibrationBin[]; calibrationError: number } {
  const calibration = Array.from({ length: 10 }, (_, bin) => {
    const inside = rows.filter(({ score }) => Math.min(9, Math.floor(score * 10)) === bin);
    const mean = (of: (row: ScoredRow) => number): number =>
      inside.length === 0 ? 0 : inside.reduce((sum, row) => sum + of(row), 0) / inside.length;
    return {
      from: bin / 10,
      to: (bin + 1) / 10,
      rows: inside.length,
      meanScore: mean(({ score }) => score),
      attackShare: mean(({ label }) => label),
    };
  });
  const off = calibration.reduce((sum, bin) => sum + bin.rows * Math.abs(bin.meanScore - bin.attackShare), 0);
  return { calibration, calibrationError: off / rows.length };
}

function rocPoints(rows: readonly ScoredRow[]): Report["roc"] {
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

function histogram(rows: readonly ScoredRow[], label: 0 | 1): number[] {
  const bins = Array.from({ length: 20 }, () => 0);
  for (const row of rows) {
    if (row.label !== label) continue;
    const bin = Math.min(19, Math.floor(row.score * 20));
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  return bins;
}

function linesBy(rows: readonly ScoredRow[], nameOf: (row: ScoredRow) => string): SourceLine[] {
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
