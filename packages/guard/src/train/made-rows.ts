import type { Row } from "../data/row.ts";
import { everydayTexts } from "../everyday/everyday.ts";
import { generate } from "../generator/index.ts";

/**
 * Training rows made by this package: `attacks` generated attacks, as many harmless twins, and a third as many
 * everyday requests in other languages. All generated rows are one source, so that they do not outweigh what people
 * wrote; but those with noise at an end are their own, or a hundredth of the rows would teach nothing about it. The
 * same seed gives the same rows.
 */
export function madeRows(seed: number, attacks: number): Row[] {
  const generated = Array.from(generate({ seed, attacks }), ({ text, label, wrapper }) => ({
    text,
    label,
    source: wrapper === "noise" ? "generated_noise" : "generated",
    note: "",
  }));
  const everyday = everydayTexts(seed, Math.round(attacks / 3)).map((text) => ({
    text,
    label: 0 as const,
    source: "everyday",
    note: "",
  }));
  return [...generated, ...everyday];
}
