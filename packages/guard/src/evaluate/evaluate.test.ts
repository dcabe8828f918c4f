import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Row } from "../data/row.ts";
import type { Stage } from "../stage.ts";
import { DEFAULT_POLICY } from "../policy/default.ts";
import type { Policy } from "../policy/types.ts";
import { evaluate, evaluateJudge } from "./evaluate.ts";
import { cascadeScore, decide, judgePolicy } from "./judge.ts";
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

describe("a cascade", () => {
  /** Reads its score off the text, as `first 0.7 second 0.2`. */
  const reader = (name: string): Stage => ({
    name,
    version: `${name}@1`,
    screen: (text, { evidence = 0 } = {}) => {
      const [, number = "none"] = new RegExp(`${name} (\\S+)`).exec(text) ?? [];
      if (number === "throw") throw new Error("out of order");
      return { probability: Number(number), evidence: evidence > 0 ? [{ text: name, weight: 1, via: [] }] : [] };
    },
  });
  const stages = [reader("first"), reader("second")];
  const policy: Policy = {
    ...DEFAULT_POLICY,
    stages: [
      { name: "first", allowBelow: 0.2, blockAtOrAbove: 0.8, timeoutMs: 1, fail: "open" },
      { name: "second", allowBelow: 0.5, blockAtOrAbove: 0.9, timeoutMs: 1, fail: "open" },
    ],
  };
  const judge = judgePolicy(policy, stages, () => 0);
  const rows = (texts: readonly (readonly [0 | 1, string])[]): Row[] =>
    texts.map(([label, text]) => ({ text, label, source: "s", note: "" }));
  const mixed = rows([
    [0, "first 0.1 second 0.99"],
    [0, "first 0.3 second 0.4"],
    [1, "first 0.3 second 0.7"],
    [0, "first 0.7 second 0.1"],
    [1, "first 0.4 second 0.95"],
    [1, "first 0.85 second 0.1"],
  ]);

  it("decides as the pipeline does, and counts what each stage decided", async () => {
    const { report, scored: all } = await evaluateJudge(mixed, judge, { resamples: 10 });
    expect(all.map(({ decision, stage }) => `${decision} ${stage}`)).toEqual([
      "allow first",
      "allow second",
      "flag second",
      "allow second",
      "block second",
      "block first",
    ]);
    expect(report.stages).toMatchObject([
      { stage: "first", asked: 6, allowed: 1, blocked: 1, exitShare: 2 / 6 },
      { stage: "second", asked: 4, allowed: 2, blocked: 1, exitShare: 3 / 6 },
    ]);
    expect(report.rocAuc.value).toBe(1);
    expect(all.map(({ probability }) => probability)).toEqual([0.1, 0.4, 0.7, 0.1, 0.95, 0.85]);
    const table = reportTable(report, report);
    expect(table).toMatch(/\nsecond +0\.500 +0\.900 +4 +2 +1 +50\.00%/);
    expect(reportHtml(report, report)).toContain("<td>second</td><td>0.500</td>");
  });

  it("has one score: thresholds on it decide as the stages do, and it grows with each stage's probability", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const pair = fc.tuple(share, share).map(([a, b]) => ({ allowBelow: Math.min(a, b), blockFrom: Math.max(a, b) }));
    fc.assert(
      fc.property(pair, pair, share, share, share, (one, two, first, second, more) => {
        const steps = [
          { name: "first", thresholds: one },
          { name: "second", thresholds: two },
        ];
        const isOpen = decide(first, one) === "flag";
        const score = isOpen ? cascadeScore(steps, "second", second) : cascadeScore(steps, "first", first);
        const limits = {
          allowBelow: cascadeScore(steps, "second", two.allowBelow),
          blockFrom: cascadeScore(steps, "second", two.blockFrom),
        };
        // Equal thresholds leave nothing open; rounding must not be what decides.
        fc.pre(
          one.blockFrom - one.allowBelow > 1e-6 &&
            [two.allowBelow, two.blockFrom].every((at) => Math.abs(at - second) > 1e-6),
        );
        expect(decide(score, limits)).toBe(isOpen ? decide(second, two) : decide(first, one));
        const higher = Math.max(second, more);
        expect(cascadeScore(steps, "second", higher)).toBeGreaterThanOrEqual(cascadeScore(steps, "second", second));
      }),
    );
  });

  it("is not measured where a stage failed", async () => {
    const broken = [...mixed, ...rows([[0, "first 0.5 second throw"]])];
    await expect(evaluateJudge(broken, judge)).rejects.toThrow("second failed: out of order");
  });
});
