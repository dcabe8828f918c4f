import { expect, it } from "vitest";
import { everydayTexts } from "./everyday.ts";
import { PHRASES } from "./phrases.ts";

it("makes the same texts from the same seed, and others from another", () => {
  expect(everydayTexts(1, 50)).toEqual(everydayTexts(1, 50));
  expect(everydayTexts(1, 50)).not.toEqual(everydayTexts(2, 50));
});

it("fills every place and uses every language alike", () => {
  const texts = everydayTexts(3, 400);
  expect(texts.filter((text) => text.includes("{") || text.length < 4)).toEqual([]);
  expect(new Set(texts).size).toBeGreaterThan(300);
});

it("has a place for the topic in every ask", () => {
  for (const { asks } of Object.values(PHRASES)) {
    expect(asks.split("|").filter((ask) => ask.split("{x}").length !== 2)).toEqual([]);
  }
});
