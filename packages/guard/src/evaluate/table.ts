import type { Interval, Report, SourceLine, StageReport } from "./types.ts";

const three = (value: number): string => (Number.isFinite(value) ? value.toFixed(3) : "-");
const percent = (value: number): string => `${(value * 100).toFixed(2)}%`;
const interval = ({ value, low, high }: Interval): string => `${three(value)} (95%: ${three(low)} to ${three(high)})`;

/**
 * The report as plain text for a terminal, without the texts of the mistakes. Given the report of the first stage alone
 * on the same rows, both stand side by side.
 */
export function reportTable(report: Report, alone?: Report): string {
  const { atBlock, thresholds, latencyMs } = report;
  const lines = [
    `stage                ${report.stage}: ${report.version}`,
    `rows                 ${report.rows}: ${report.attacks} attacks, ${report.others} others`,
    `ROC-AUC              ${interval(report.rocAuc)}; by length alone ${three(report.lengthAuc)}`,
    `recall at 1% FPR     ${interval(report.recallAt1Fpr)}, at ${three(report.recallAt1Fpr.threshold)}`,
    `calibration error    ${three(report.calibrationError)}; Brier score ${three(report.brierScore)}`,
    `latency per row      p50 ${ms(latencyMs.p50)}, p99 ${ms(latencyMs.p99)}`,
    "",
    `blocked from ${three(thresholds.blockFrom)}: recall ${three(atBlock.recall)}, precision ${three(atBlock.precision)}, F1 ${three(atBlock.f1)}, false positives ${percent(atBlock.falsePositiveRate)}`,
    `allowed below ${three(thresholds.allowBelow)}: ${percent(report.decidedShare)} of the rows are decided`,
    ...(report.stages.length > 1 ? ["(of the score that orders texts over all stages)"] : []),
    "",
    "                blocked   let by",
    `attacks       ${pad(atBlock.truePositives, 9)}${pad(atBlock.falseNegatives, 9)}`,
    `others        ${pad(atBlock.falsePositives, 9)}${pad(atBlock.trueNegatives, 9)}`,
    "",
    ...(report.stages.length > 1 ? stageTable(report.stages) : []),
    ...(alone === undefined ? [] : sideBySide(alone, report)),
    ...sourceTable("source", report.sources),
  ];
  if (report.apart.length > 0) lines.push("", ...sourceTable("counted apart", report.apart));
  return `${lines.join("\n")}\n`;
}

const ms = (value: number): string => (value < 1 ? `${(value * 1000).toFixed(0)} us` : `${value.toFixed(1)} ms`);

function stageTable(stages: readonly StageReport[]): string[] {
  const lines = stages.map(({ stage, thresholds, asked, allowed, blocked, exitShare, latencyMs }) =>
    [
      stage.padEnd(16),
      three(thresholds.allowBelow).padStart(8),
      three(thresholds.blockFrom).padStart(8),
      pad(asked, 8),
      pad(allowed, 9),
      pad(blocked, 9),
      percent(exitShare).padStart(10),
      ms(latencyMs.p50).padStart(10),
      ms(latencyMs.p99).padStart(10),
    ].join(""),
  );
  return ["stage           allow < block >=   asked  allowed  blocked   decided       p50       p99", ...lines, ""];
}

function sideBySide(alone: Report, all: Report): string[] {
  const line = (name: string, of: (report: Report) => string): string =>
    name.padEnd(34) + of(alone).padStart(32) + of(all).padStart(32);
  return [
    line("", ({ stage, stages }) => (stages.length > 1 ? "cascade" : `${stage} alone`)),
    line("ROC-AUC", ({ rocAuc: { value, low, high } }) => `${value.toFixed(4)} (95%: ${three(low)} to ${three(high)})`),
    line("recall at 1% false positives", ({ recallAt1Fpr }) => interval(recallAt1Fpr)),
    line("recall at the shipped thresholds", ({ atBlock }) => three(atBlock.recall)),
    line("false positives there", ({ atBlock }) => percent(atBlock.falsePositiveRate)),
    line("latency p50 / p99", ({ latencyMs }) => `${ms(latencyMs.p50)} / ${ms(latencyMs.p99)}`),
    "",
  ];
}

const pad = (value: number | string, width: number): string => String(value).padStart(width);

function sourceTable(title: string, lines: readonly SourceLine[]): string[] {
  const width = Math.max(title.length, ...lines.map(({ source }) => source.length)) + 2;
  return [
    `${title.padEnd(width)}attacks  blocked   others  blocked  undecided`,
    ...lines.map(
      ({ source, attacks, attacksBlocked, others, othersBlocked, undecided }) =>
        source.padEnd(width) +
        pad(attacks, 7) +
        pad(attacks === 0 ? "-" : attacksBlocked, 9) +
        pad(others, 9) +
        pad(others === 0 ? "-" : othersBlocked, 9) +
        pad(undecided, 11),
    ),
  ];
}
