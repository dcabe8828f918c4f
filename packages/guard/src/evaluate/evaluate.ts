import type { Thresholds } from "../bayes/model.ts";
import type { Row } from "../data/row.ts";
import type { Stage } from "../stage.ts";
import { headline } from "./bootstrap.ts";
import { type Judge, judgeStage } from "./judge.ts";
import { rocAuc } from "./roc.ts";
import { atThreshold, calibrationOf, histogram, linesBy, percentiles, rocPoints } from "./summary.ts";
import type { JudgedRow, Mistake, Report, ScoredRow, StageReport } from "./types.ts";

/** How an evaluation is done. */
export interface JudgeOptions {
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

/** How the evaluation of one stage is done. */
export interface EvaluateOptions extends JudgeOptions {
  readonly thresholds: Thresholds;
}

/** Harmful requests without an injection are no attacks by our label, and no ordinary traffic either. */
export const isApart = (note: string): boolean => note.endsWith("no_injection");

/** Runs a stage over rows and reports how good it is. Throws a RangeError without both labels among the rows. */
export async function evaluate(
  rows: readonly Row[],
  stage: Stage,
  options: EvaluateOptions,
): Promise<{ report: Report; scored: ScoredRow[] }> {
  return await evaluateJudge(rows, judgeStage(stage, options.thresholds, options.now ?? now), options);
}

/** The same for a stage or a cascade with its thresholds. Rejects with `StageError` when a stage fails on a row. */
export async function evaluateJudge(
  rows: readonly Row[],
  judge: Judge,
  { apart = isApart, resamples = 1000, seed = 1, mistakes = 25, onRow = () => {}, now: clock = now }: JudgeOptions = {},
): Promise<{ report: Report; scored: ScoredRow[] }> {
  if (!rows.some(({ label }) => label === 1) || !rows.some(({ label, note }) => label === 0 && !apart(note))) {
    throw new RangeError("an evaluation needs rows of both labels");
  }
  const scored: JudgedRow[] = [];
  for (const row of rows) {
    const before = clock();
    const { score, probability, decision, stage, perStage } = await judge.judge(row.text, 0);
    scored.push({ ...row, score, probability, decision, stage, perStage, latencyMs: clock() - before });
    onRow(scored.length);
  }
  const main = scored.filter(({ note }) => !apart(note));
  const wrong = async (found: readonly ScoredRow[]): Promise<Mistake[]> => {
    const list: Mistake[] = [];
    for (const { text, source, score, stage } of found.slice(0, mistakes)) {
      const { evidence } = await judge.judge(text, 4);
      list.push({ text, source, score, stage, evidence });
    }
    return list;
  };
  const { blockFrom } = judge.thresholds;
  const report: Report = {
    stage: judge.name,
    version: judge.version,
    rows: main.length,
    attacks: main.filter(({ label }) => label === 1).length,
    others: main.filter(({ label }) => label === 0).length,
    thresholds: judge.thresholds,
    ...headline(main, resamples, seed),
    atBlock: atThreshold(main, blockFrom),
    decidedShare: main.filter(({ decision }) => decision !== "flag").length / main.length,
    stages: judge.stages.map((stage) => stageReport(stage, main)),
    ...calibrationOf(main),
    brierScore: main.reduce((sum, { probability, label }) => sum + (probability - label) ** 2, 0) / main.length,
    roc: rocPoints(main),
    histogram: { attacks: histogram(main, 1), others: histogram(main, 0) },
    sources: linesBy(main, ({ source }) => source),
    apart: linesBy(
      scored.filter(({ note }) => apart(note)),
      ({ source, note }) => `${source} (${note})`,
    ),
    lengthAuc: rocAuc(main.map(({ label, text }) => ({ label, score: text.length }))),
    latencyMs: percentiles(scored.map(({ latencyMs }) => latencyMs)),
    falsePositives: await wrong(
      main.filter(({ label, decision }) => label === 0 && decision === "block").sort((a, b) => b.score - a.score),
    ),
    falseNegatives: await wrong(
      main.filter(({ label, decision }) => label === 1 && decision !== "block").sort((a, b) => a.score - b.score),
    ),
  };
  return { report, scored };
}

const now = (): number => performance.now();

/** How many rows a stage was asked for, what it decided, and how long it took. */
function stageReport({ name, version, thresholds }: Judge["stages"][number], rows: readonly JudgedRow[]): StageReport {
  const records = rows.flatMap(({ perStage }) => perStage.filter(({ stage }) => stage === name));
  const decided = rows.filter(({ stage, decision }) => stage === name && decision !== "flag");
  return {
    stage: name,
    version,
    thresholds,
    asked: records.length,
    allowed: decided.filter(({ decision }) => decision === "allow").length,
    blocked: decided.filter(({ decision }) => decision === "block").length,
    exitShare: decided.length / Math.max(1, rows.length),
    latencyMs: percentiles(records.map(({ latencyMs }) => latencyMs)),
  };
}
