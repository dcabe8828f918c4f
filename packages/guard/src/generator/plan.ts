import { LANGUAGE_RULES } from "./languages/all.ts";
import { OBFUSCATIONS } from "./obfuscate.ts";
import type { Obfuscation } from "./obfuscate.ts";
import { createRandom, mixSeed } from "./random.ts";
import type { Random } from "./random.ts";
import { drawStyle } from "./style.ts";
import type { Style } from "./style.ts";
import { WRAPPERS } from "./wrappers.ts";
import type { WrapperKind } from "./wrappers.ts";

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
  /** Where a second, ordinary message stands beside the first one. */
  company: "alone" | "before" | "after" | "around";
  /** The document, where the shape is one. */
  document: WrapperKind;
  /** The encoding, where the shape is one. */
  obfuscation: Obfuscation;
};

/** How a text is built. */
export type Shape = keyof typeof SHAPES;

/** Share of each shape, in percent. */
export const SHAPES = {
  direct: 49,
  document: 15,
  encoded: 10,
  conversation: 6,
  markup: 6,
  foreign: 4,
  shots: 3,
  padded: 3,
  noise: 2,
  split: 2,
} as const;

/** Share of English, in percent; the other languages share the rest evenly. */
const ENGLISH_SHARE = 68;

/** The plan of row `index` under `seed`. */
export function drawPlan(seed: number, index: number): Plan {
  const random = createRandom(mixSeed(seed, index, 1));
  const shape = random.weighted(SHAPES);
  const language = drawLanguage(random, shape);
  const style = drawStyle(random);
  const [low, high] = shape === "padded" ? [0.6, 1] : [0, 1];
  const target = drawLength(low + random.next() * (high - low), random.next(), language);
  const document = random.pick(Object.keys(WRAPPERS) as WrapperKind[]);
  const company = random.weighted({ alone: 66, before: 16, after: 12, around: 6 });
  return { shape, language, style, target, company, document, obfuscation: drawObfuscation(random, language) };
}

function drawLanguage(random: Random, shape: Shape): string {
  const others = Object.keys(LANGUAGE_RULES);
  if (others.length === 0) return "en";
  // A frame in another language needs one.
  if (shape !== "foreign" && random.chance(ENGLISH_SHARE / 100)) return "en";
  return random.pick(others);
}

/** Kinds that only make sense for the letters of English. */
const LATIN_ONLY: ReadonlySet<Obfuscation> = new Set([
  "rot13",
  "leetspeak",
  "homoglyph",
  "tags",
  "letterlike",
  "small_capitals",
  "fullwidth",
]);

function drawObfuscation(random: Random, language: string): Obfuscation {
  return random.pick(language === "en" ? OBFUSCATIONS : OBFUSCATIONS.filter((kind) => !LATIN_ONLY.has(kind)));
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

/** Languages that say in one character what others say in two or three. */
const DENSE: ReadonlySet<string> = new Set(["zh", "ja", "ko"]);

// Log-uniform inside a band. Other languages have fewer neutral sentences, so their long texts are shorter.
function drawLength(which: number, where: number, language: string): number {
  let rest = which;
  for (const { share, low, high } of BANDS) {
    rest -= share;
    if (rest >= 0) continue;
    const length = Math.round(low * (high / low) ** where);
    if (language === "en") return length;
    return Math.max(8, Math.round(Math.min(length, 800) * (DENSE.has(language) ? 0.4 : 1)));
  }
  return 200;
}
