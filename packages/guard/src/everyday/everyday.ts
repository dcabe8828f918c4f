import { seededRandom } from "../train/random.ts";
import { PHRASES } from "./phrases.ts";

/**
 * Harmless everyday requests in many languages, the same share of each. What is known of a language from attacks
 * alone makes all of it look like one: these are the other side. The same seed gives the same texts.
 */
export function everydayTexts(seed: number, count: number): string[] {
  const random = seededRandom(seed);
  const languages = Object.values(PHRASES).map(({ asks, topics }) => ({
    asks: asks.split("|"),
    topics: topics.split("|"),
  }));
  const pick = (list: readonly string[]): string => list[Math.floor(random() * list.length)] ?? "";
  return Array.from({ length: count }, (_, i) => {
    const { asks, topics } = languages[i % languages.length] ?? { asks: [], topics: [] };
    const sentence = (): string => pick(asks).replace("{x}", pick(topics));
    // Some people end without a full stop, some write several sentences.
    const text = Array.from({ length: random() < 0.7 ? 1 : 2 + Math.floor(random() * 4) }, sentence).join(" ");
    return random() < 0.3 ? text.replace(/[.。।]$/u, "") : text;
  });
}
