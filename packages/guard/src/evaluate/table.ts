import type { Interval, Report, SourceLine } from "./types.ts";

const three = (value: number): string => (Number.isFinite(value) ? value.toFixed(3) : "-");
const percent = (value: number): string => `${(value * 100).toFixed(2)}%`;
const interval = ({ value, low, high }: Interval): string => `${three(value)} (95%: ${three(low)} to ${three(high)})`;

/** The report as plain text for a terminal, without the texts of the mistakes. */
export function reportTable(report: Report): string {
  const { atBlock, thresholds, latencyMs } = report;
  const lines = [
    `stage                ${report.stage} ${report.version}`,
    `rows                 ${report.rows}: ${report.attacks} attacks, ${report.others} others`,
    `ROC-AUC              ${interval(report.rocAuc)}; by length alone ${three(report.lengthAuc)}`,
    `recall at 1% FPR     ${interval(report.recallAt1Fpr)}, at ${three(report.recallAt1Fpr.threshold)}`,
    `calibration error    ${three(report.calibrationError)}; Brier score ${three(report.brierScore)}`,
    `latency per row      p50 ${(latencyMs.p50 * 1000).toFixed(0)} us, p99 ${(latencyMs.p99 * 1000).toFixed(0)} us`,
    "",
    `blocked from ${three(thresholds.blockFrom)}: recall ${three(atBlock.recall)}, precision ${three(atBlock.precision)}, F1 ${three(atBlock.f1)}, false positives ${percent(atBlock.falsePositiveRate)}`,
    `allowed below ${three(thresholds.allowBelow)}: ${percent(report.decidedShare)} of the rows are decided`,
    "",
    "                blocked   let by",
    `attacks       ${pad(atBlock.truePositives, 9)}${pad(atBlock.falseNegatives, 9)}`,
    `others        ${pad(atBlock.falsePositives, 9)}${pad(atBlock.trueNegatives, 9)}`,
    "",
    ...sourceTable("source", report.sources),
  ];
  if (report.apart.length > 0) lines.push("", ...sourceTable("counted apart", report.apart));
  return `${lines.join("\n")}\n`;
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
