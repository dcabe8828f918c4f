import { createRandom, mixSeed } from "./random.ts";
import { drawStyle } from "./style.ts";
import type { Style } from "./style.ts";

/**
 * Everything about a row but what it says. Attack number n and harmless text number n share one plan, so
 * length, wrapper, language, encoding and typing habits cannot tell the label.
 */
export type Plan = {
  shape: Shape;
  language: string;
  style: Style;
  /** Wished length of the whole text, in characters. */
  target: number;
  /** Seed for choices inside the shape that both labels must make alike. */
  twinSeed: number;
};

/** How a text is built. */
export type Shape = keyof typeof SHAPES;

/** Share of each shape, in percent. */
export const SHAPES = {
  /** One message. */
  direct: 100,
} as const;

/** Share of the languages, in percent. */
export const LANGUAGES = {
  en: 100,
} as const satisfies Record<string, number>;

/** The plan of row `index` under `seed`. */
export function drawPlan(seed: number, index: number): Plan {
  const random = createRandom(mixSeed(seed, index, 1));
  const shape = random.weighted(SHAPES);
  const language = random.weighted(LANGUAGES);
  return {
    shape,
    language,
    style: drawStyle(random),
    target: drawLength(random.next(), random.next(), language),
    twinSeed: mixSeed(seed, index, 2),
  };
}

const BANDS = [
  { share: 0.14, low: 12, high: 55 },
  { share: 0.24, low: 55, high: 130 },
  { share: 0.24, low: 130, high: 300 },
  { share: 0.18, low: 300, high: 750 },
  { share: 0.12, low: 750, high: 1700 },
  { share: 0.06, low: 1700, high: 3200 },
  { share: 0.02, low: 3200, high: 6500 },
] as const;

// Log-uniform inside a band. Other languages have fewer neutral sentences, so their long texts are shorter.
function drawLength(which: number, where: number, language: string): number {
  let rest = which;
  for (const { share, low, high } of BANDS) {
    rest -= share;
    if (rest >= 0) continue;
    const length = Math.round(low * (high / low) ** where);
    if (language === "en") return length;
    const dense = ["zh", "ja", "ko"].includes(language) ? 0.4 : 1;
    return Math.max(8, Math.round(Math.min(length, 700) * dense));
  }
  return 200;
}
