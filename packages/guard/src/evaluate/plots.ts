import type { Report } from "./types.ts";

const SIZE = 280;
const LEFT = 42;
const BOTTOM = 34;
const TOP = 10;
const INNER = SIZE - LEFT - TOP;

const x = (share: number): string => (LEFT + share * INNER).toFixed(1);
const y = (share: number): string => (TOP + (1 - share) * (SIZE - TOP - BOTTOM)).toFixed(1);

/** ROC curve, scores of both classes, and calibration, as figures with inline SVG. All numbers, no text of the data. */
export function plots(report: Report): string {
  return [rocPlot(report), histogramPlot(report), calibrationPlot(report)].join("\n");
}

function figure(caption: string, xName: string, yName: string, content: string): string {
  const ticks = [0, 0.5, 1]
    .map(
      (tick) =>
        `<text x="${x(tick)}" y="${SIZE - BOTTOM + 14}" text-anchor="middle">${tick}</text><text x="${LEFT - 6}" y="${Number(y(tick)) + 4}" text-anchor="end">${tick}</text>`,
    )
    .join("");
  return `<figure><svg xmlns="http://www.w3.org/2000/svg" width="${SIZE}" height="${SIZE}" viewBox="0 0 ${SIZE} ${SIZE}" role="img" aria-label="${caption}" font-size="10" fill="currentColor">
<path d="M${x(0)} ${y(1)}V${y(0)}H${x(1)}" fill="none" stroke="currentColor"/>${ticks}
<text x="${x(0.5)}" y="${SIZE - 4}" text-anchor="middle">${xName}</text><text transform="translate(11 ${y(0.5)}) rotate(-90)" text-anchor="middle">${yName}</text>
${content}</svg><figcaption>${caption}</figcaption></figure>`;
}

function rocPlot({ roc, atBlock }: Report): string {
  const line = roc.map((point, i) => `${i === 0 ? "M" : "L"}${x(point.falsePositiveRate)} ${y(point.recall)}`).join("");
  return figure(
    "ROC curve; the dot is the blocking threshold",
    "false-positive rate",
    "recall",
    `<path d="M${x(0)} ${y(0)}L${x(1)} ${y(1)}" stroke="#999" stroke-dasharray="3 3"/><path d="${line}" fill="none" stroke="#1f6feb" stroke-width="2"/><circle cx="${x(atBlock.falsePositiveRate)}" cy="${y(atBlock.recall)}" r="4" fill="#d1242f"/>`,
  );
}

function histogramPlot({ histogram, thresholds }: Report): string {
  const bars = (counts: readonly number[], color: string, shift: number): string => {
    const total = Math.max(
      1,
      counts.reduce((sum, count) => sum + count, 0),
    );
    return counts
      .map((count, i) => {
        const share = count / total;
        const width = INNER / counts.length / 2 - 0.5;
        const at = Number(x(i / counts.length)) + shift * (width + 0.5);
        const height = Number(y(0)) - Number(y(share));
        return `<rect x="${at.toFixed(1)}" y="${y(share)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" fill="${color}"/>`;
      })
      .join("");
  };
  const mark = (at: number): string => `<path d="M${x(at)} ${y(0)}V${y(1)}" stroke="#999" stroke-dasharray="3 3"/>`;
  return figure(
    "Scores: attacks red, others blue; lines are the thresholds",
    "score",
    "share of the class",
    mark(thresholds.allowBelow) +
      mark(thresholds.blockFrom) +
      bars(histogram.others, "#1f6feb", 0) +
      bars(histogram.attacks, "#d1242f", 1),
  );
}

function calibrationPlot({ calibration }: Report): string {
  const bins = calibration.filter(({ rows }) => rows > 0);
  const line = bins.map((bin, i) => `${i === 0 ? "M" : "L"}${x(bin.meanScore)} ${y(bin.attackShare)}`).join("");
  const dots = bins
    .map(
      (bin) =>
        `<circle cx="${x(bin.meanScore)}" cy="${y(bin.attackShare)}" r="${Math.min(8, 2 + Math.log10(bin.rows) * 1.5).toFixed(1)}" fill="#1f6feb"/>`,
    )
    .join("");
  return figure(
    "Calibration: on the dashed line a score is the share of attacks; larger dots hold more rows",
    "score",
    "share of attacks",
    `<path d="M${x(0)} ${y(0)}L${x(1)} ${y(1)}" stroke="#999" stroke-dasharray="3 3"/><path d="${line}" fill="none" stroke="#1f6feb"/>${dots}`,
  );
}
