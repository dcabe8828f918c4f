import { describe, expect, it } from "vitest";
import { createNormaliser } from "../normalise/normalise.ts";
import { nearDuplicateGroups } from "./duplicates.ts";
import { seededRandom } from "./random.ts";
import { dealFolds, splitRows } from "./split.ts";

const normalise = createNormaliser();
const random = seededRandom(7);
const WORDS = "river stone lamp garden winter copper letter window silent orange market bridge paper thunder".split(
  " ",
);
const sentence = (words: number): string =>
  Array.from({ length: words }, () => WORDS[Math.floor(random() * WORDS.length)]).join(" ");

describe("near-duplicates", () => {
  it("are found through case, punctuation, tricks and a changed word", () => {
    const text = sentence(40);
    const groups = nearDuplicateGroups(
      [
        text,
        text.toUpperCase(),
        text.replaceAll(" ", ", "),
        text.replaceAll("e", "е"),
        `${text} finally`,
        sentence(40),
        "short",
        "Short!",
        "other",
      ],
      normalise,
    );
    expect([...groups]).toEqual([0, 0, 0, 0, 0, 5, 6, 6, 8]);
  });

  it("are not seen in different texts of the same few words", () => {
    const texts = Array.from({ length: 300 }, () => sentence(30));
    expect(new Set(nearDuplicateGroups(texts, normalise)).size).toBe(300);
  });

  it("of ten thousand equal texts make one group, quickly", () => {
    const groups = nearDuplicateGroups(
      Array.from({ length: 10_000 }, () => "the same text again"),
      normalise,
    );
    expect(new Set(groups).size).toBe(1);
  });
});

describe("the split", () => {
  const rows = Array.from({ length: 400 }, (_, i) => ({
    label: i % 4 === 0 ? (1 as const) : (0 as const),
    source: i % 2 === 0 ? "a" : "b",
    id: i,
  }));
  // Every group has three members in a row.
  const groups = rows.map((_, i) => i - (i % 3));

  it("never parts a group and keeps the share of each kind", () => {
    const { train, test } = splitRows(rows, groups, 0.2, 1);
    expect(train.length + test.length).toBe(400);
    const inTest = new Set(test.map(({ id }) => groups[id]));
    expect(train.filter(({ id }) => inTest.has(groups[id]))).toEqual([]);
    const attacks = test.filter(({ label }) => label === 1).length;
    expect(test.length).toBeGreaterThan(60);
    expect(test.length).toBeLessThan(100);
    expect(attacks / test.length).toBeGreaterThan(0.18);
    expect(attacks / test.length).toBeLessThan(0.32);
  });

  it("is the same for the same seed and another for another", () => {
    expect(dealFolds(rows, groups, 4, 5)).toEqual(dealFolds(rows, groups, 4, 5));
    expect(dealFolds(rows, groups, 4, 5)).not.toEqual(dealFolds(rows, groups, 4, 6));
  });
});
