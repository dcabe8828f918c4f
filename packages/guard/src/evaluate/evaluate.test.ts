import { describe, expect, it } from "vitest";
import type { Row } from "../data/row.ts";
import type { Stage } from "../stage.ts";
import { decide, evaluate } from "./evaluate.ts";
import { escapeHtml, reportHtml } from "./html.ts";
import { recallAt, rocAuc, thresholdAtFpr } from "./roc.ts";
import { reportTable } from "./table.ts";

const scored = (pairs: readonly (readonly [0 | 1, number])[]) => pairs.map(([label, score]) => ({ label, score }));

describe("measures", () => {
  it("ROC-AUC is the share of pairs in order, ties by half", () => {
    expect(
      rocAuc(
        scored([
          [0, 0.1],
          [1, 0.9],
        ]),
      ),
    ).toBe(1);
    expect(
      rocAuc(
        scored([
          [0, 0.9],
          [1, 0.1],
        ]),
      ),
    ).toBe(0);
    expect(
      rocAuc(
        scored([
          [0, 0.5],
          [1, 0.5],
        ]),
      ),
    ).toBe(0.5);
    // Pairs: (0.4 over 0.1), (0.4 under 0.6), (0.8 over both): 3 of 4.
    expect(
      rocAuc(
        scored([
          [0, 0.1],
          [0, 0.6],
          [1, 0.4],
          [1, 0.8],
        ]),
      ),
    ).toBe(0.75);
    expect(rocAuc(scored([[1, 0.5]]))).toBeNaN();
  });

  it("the threshold lets no more harmless rows be blocked than the rate allows", () => {
    const others = Array.from({ length: 200 }, (_, i) => [0, i / 200] as const);
    const threshold = thresholdAtFpr(scored(others), 0.01);
    expect(others.filter(([, score]) => score >= threshold)).toHaveLength(2);
    const tied = scored(Array.from({ length: 100 }, () => [0, 0.7] as const));
    expect(
      recallAt(
        tied.map((row) => ({ ...row, label: 1 as const })),
        thresholdAtFpr(tied, 0.01),
      ),
    ).toBe(0);
  });

  it("decides by both thresholds", () => {
    const thresholds = { allowBelow: 0.2, blockFrom: 0.9 };
    expect([0, 0.199, 0.2, 0.899, 0.9, 1].map((score) => decide(score, thresholds))).toEqual([
      "allow",
      "allow",
      "flag",
      "flag",
      "block",
      "block",
    ]);
  });
});

/** Reads its score off the text: `0.7 anything`. */
const stage: Stage = {
  name: "read",
  version: "read@1",
  screen: (text, { evidence = 0 } = {}) => ({
    probability: Number(text.split(" ")[0]),
    evidence: evidence > 0 ? [{ text: "<b>word</b>", weight: 1, via: ["base64"] }] : [],
  }),
};
const row = (label: 0 | 1, score: number, source: string, note = ""): Row => ({
  text: `${score} <img src=x>`,
  label,
  source,
  note,
});
const ROWS: Row[] = [
  ...Array.from({ length: 90 }, (_, i) => row(0, i / 1000, "calm")),
  ...Array.from({ length: 10 }, () => row(0, 0.95, "loud")),
  ...Array.from({ length: 8 }, () => row(1, 0.99, "<script>alert(1)</script>")),
  row(1, 0.5, "quiet"),
  row(1, 0.01, "quiet"),
  row(0, 0.99, "harm", "harmful_request_no_injection"),
];
const thresholds = { allowBelow: 0.2, blockFrom: 0.9 };

describe("the report", () => {
  it("counts outcomes, sources, undecided rows and what is apart", async () => {
    const { report, scored: all } = await evaluate(ROWS, stage, { thresholds, resamples: 100 });
    expect(report).toMatchObject({ rows: 110, attacks: 10, others: 100, stage: "read" });
    expect(report.atBlock).toMatchObject({
      truePositives: 8,
      falseNegatives: 2,
      falsePositives: 10,
      trueNegatives: 90,
      recall: 0.8,
      falsePositiveRate: 0.1,
    });
    expect(report.atBlock.precision).toBeCloseTo(8 / 18);
    expect(report.decidedShare).toBeCloseTo(109 / 110);
    expect(report.sources.find(({ source }) => source === "quiet")).toMatchObject({
      attacks: 2,
      attacksBlocked: 0,
      undecided: 1,
    });
    expect(report.apart).toMatchObject([
      { source: "harm (harmful_request_no_injection)", others: 1, othersBlocked: 1 },
    ]);
    expect(report.falsePositives).toHaveLength(10);
    expect(report.falseNegatives.map(({ score }) => score)).toEqual([0.01, 0.5]);
    expect(report.falseNegatives[0]?.evidence).toHaveLength(1);
    expect(report.histogram.attacks.reduce((a, b) => a + b)).toBe(10);
    expect(all).toHaveLength(111);
    expect(all.at(-1)).toMatchObject({ score: 0.99, decision: "block", stage: "read", label: 0 });
  });

  it("has intervals around its numbers that the seed decides", async () => {
    const once = await evaluate(ROWS, stage, { thresholds, resamples: 200, seed: 3 });
    const again = await evaluate(ROWS, stage, { thresholds, resamples: 200, seed: 3 });
    const { value, low, high } = once.report.rocAuc;
    expect(low).toBeLessThan(value);
    expect(high).toBeGreaterThan(value);
    expect(again.report.rocAuc).toEqual(once.report.rocAuc);
    expect(again.report.recallAt1Fpr).toEqual(once.report.recallAt1Fpr);
  });

  it("refuses rows of one label", async () => {
    await expect(evaluate(ROWS.slice(0, 5), stage, { thresholds })).rejects.toThrow(RangeError);
  });

  it("survives JSON", async () => {
    const { report } = await evaluate(ROWS, stage, { thresholds, resamples: 10 });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it("prints as a table", async () => {
    const { report } = await evaluate(ROWS, stage, { thresholds, resamples: 10 });
    const table = reportTable(report);
    expect(table).toMatch(/attacks +8 +2\n/);
    expect(table).toMatch(/others +10 +90\n/);
    expect(table).toContain("recall 0.800");
  });

  it("is a page without any outside resource or script, whatever the texts hold", async () => {
    const { report } = await evaluate(ROWS, stage, { thresholds, resamples: 10 });
    const html = reportHtml(report);
    expect(html).not.toMatch(/<(script|img|link|iframe|object)\b/i);
    expect(html).not.toMatch(/(?:src|href|url\()\s*=?\s*["']?https?:/i);
    expect(html).toContain("&lt;img src=x&gt;");
    expect(html).toContain("&lt;b&gt;word&lt;/b&gt;");
    expect(html.match(/<svg/g)).toHaveLength(3);
    expect(escapeHtml(`<a href='x'>&"`)).toBe("&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
  });
});
