import { plots } from "./plots.ts";
import type { Interval, Mistake, Report, SourceLine } from "./types.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Makes any text safe inside an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? char);
}

const three = (value: number): string => (Number.isFinite(value) ? value.toFixed(3) : "-");
const interval = ({ value, low, high }: Interval, digits = 3): string =>
  `<b>${Number.isFinite(value) ? value.toFixed(digits) : "-"}</b> <small>${three(low)} to ${three(high)}</small>`;

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}table{border-collapse:collapse;margin:.6rem 0}
th,td{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:right}th:first-child,td:first-child{text-align:left}
small{color:#555}.plots{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;max-width:280px}figcaption{font-size:.85rem;color:#444}
.mistake{border-left:3px solid #bbb;padding:.2rem .8rem;margin:.7rem 0}.mistake pre{white-space:pre-wrap;word-break:break-word;margin:.3rem 0;font-size:.85rem}
@media (prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}small,figcaption{color:#aaa}}`;

/**
 * One page that needs nothing else: no script, no font, no address outside. All texts of the data are escaped.
 * `alone` is the report of the first stage by itself, to compare with.
 */
export function reportHtml(report: Report, alone?: Report): string {
  const { atBlock, thresholds } = report;
  const head = `${report.rows} rows: ${report.attacks} attacks, ${report.others} others. Stages <code>${escapeHtml(report.stage)}</code>, model <code>${escapeHtml(report.version)}</code>.`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Accuracy of the guard</title><style>${STYLE}</style></head><body>
<h1>Accuracy of the guard</h1><p>${head}</p>
<table>
<tr><th>ROC-AUC</th><td>${interval(report.rocAuc)}</td></tr>
<tr><th>ROC-AUC of the length alone</th><td>${three(report.lengthAuc)}</td></tr>
<tr><th>Recall at 1% false positives</th><td>${interval(report.recallAt1Fpr)}</td></tr>
<tr><th>Calibration error, Brier score</th><td>${three(report.calibrationError)}, ${three(report.brierScore)}</td></tr>
<tr><th>Blocked from</th><td>${three(thresholds.blockFrom)}</td></tr>
<tr><th>Recall, precision, F1 there</th><td>${three(atBlock.recall)}, ${three(atBlock.precision)}, ${three(atBlock.f1)}</td></tr>
<tr><th>False positives there</th><td>${atBlock.falsePositives} of ${report.others} (${(atBlock.falsePositiveRate * 100).toFixed(2)}%)</td></tr>
<tr><th>Decided without a further stage</th><td>${(report.decidedShare * 100).toFixed(1)}%</td></tr>
</table>
<small>Intervals hold 95% of the resamples.</small>
<h2>Curves</h2><div class="plots">${plots(report)}</div>
<h2>Outcomes</h2><table><tr><th></th><th>blocked</th><th>let by</th></tr>
<tr><td>attacks</td><td>${atBlock.truePositives}</td><td>${atBlock.falseNegatives}</td></tr>
<tr><td>others</td><td>${atBlock.falsePositives}</td><td>${atBlock.trueNegatives}</td></tr></table>
<h2>By source</h2>${sources(report.sources)}
${stagesOf(report, alone)}
${report.apart.length === 0 ? "" : `<h2>Counted apart</h2>${sources(report.apart)}`}
<h2>False positives</h2>${mistakes(report.falsePositives, atBlock.falsePositives)}
<h2>False negatives</h2>${mistakes(report.falseNegatives, atBlock.falseNegatives)}
</body></html>
`;
}

function stagesOf(report: Report, alone: Report | undefined): string {
  if (report.stages.length < 2) return "";
  const rows = report.stages.map(
    ({ stage, thresholds, asked, allowed, blocked, exitShare, latencyMs }) =>
      `<tr><td>${escapeHtml(stage)}</td><td>${three(thresholds.allowBelow)}</td><td>${three(thresholds.blockFrom)}</td><td>${asked}</td><td>${allowed}</td><td>${blocked}</td><td>${(exitShare * 100).toFixed(1)}%</td><td>${latencyMs.p50.toFixed(2)}</td><td>${latencyMs.p99.toFixed(2)}</td></tr>`,
  );
  const both = alone === undefined ? "" : `<h2>With and without the later stages</h2>${compare(alone, report)}`;
  return `<h2>By stage</h2><table><tr><th>stage</th><th>allows below</th><th>blocks from</th><th>asked</th><th>allowed</th><th>blocked</th><th>decided</th><th>p50 ms</th><th>p99 ms</th></tr>${rows.join("")}</table>${both}`;
}

function compare(alone: Report, all: Report): string {
  const line = (name: string, of: (report: Report) => string): string =>
    `<tr><td>${name}</td><td>${of(alone)}</td><td>${of(all)}</td></tr>`;
  return `<table><tr><th></th><th>${escapeHtml(alone.stage)} alone</th><th>cascade</th></tr>${[
    line("ROC-AUC", ({ rocAuc }) => interval(rocAuc, 4)),
    line("Recall at 1% false positives", ({ recallAt1Fpr }) => interval(recallAt1Fpr)),
    line("Recall at the shipped thresholds", ({ atBlock }) => three(atBlock.recall)),
    line("False positives there", ({ atBlock }) => `${(atBlock.falsePositiveRate * 100).toFixed(2)}%`),
  ].join("")}</table>`;
}

function sources(lines: readonly SourceLine[]): string {
  const rows = lines.map(
    (line) =>
      `<tr><td>${escapeHtml(line.source)}</td><td>${line.attacks}</td><td>${line.attacksBlocked}</td><td>${line.others}</td><td>${line.othersBlocked}</td><td>${line.undecided}</td></tr>`,
  );
  return `<table><tr><th>source</th><th>attacks</th><th>blocked</th><th>others</th><th>blocked</th><th>undecided</th></tr>${rows.join("")}</table>`;
}

function mistakes(list: readonly Mistake[], all: number): string {
  if (list.length === 0) return all === 0 ? "<p>None.</p>" : `<p>${all}, not listed.</p>`;
  return list
    .map(({ text, source, score, stage, evidence }) => {
      const shown = text.length > 600 ? `${text.slice(0, 600)} …` : text;
      const words = evidence.map(
        (piece) =>
          `<code>${escapeHtml(piece.text)}</code> ${piece.weight.toFixed(2)}${piece.via.length === 0 ? "" : ` (${escapeHtml(piece.via.join(", "))})`}`,
      );
      return `<div class="mistake"><b>${three(score)}</b> <small>${escapeHtml(source)}, ${escapeHtml(stage)}</small><pre>${escapeHtml(shown)}</pre><small>${words.join("; ")}</small></div>`;
    })
    .join("\n");
}
