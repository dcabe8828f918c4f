import { drawPlan } from "./plan.ts";
import { createRandom, mixSeed } from "./random.ts";
import { speak } from "./speaker.ts";
import type { GenerateOptions, GeneratedRow } from "./types.ts";
import { attackVoices, benignVoices } from "./voices.ts";
import type { Voice } from "./voices.ts";

export type { GenerateOptions, GeneratedRow } from "./types.ts";

const DEFAULT_ATTACKS = 10_000;
/** A text this often drawn anew is let through as a repeat. */
const RETRIES = 4;

/**
 * Labelled training texts: attacks and harmless texts in turn, until both counts are reached. The same
 * options give the same rows. Repeats of a whole text are drawn anew.
 */
export function* generate(options: GenerateOptions): Generator<GeneratedRow> {
  const { seed, attacks = DEFAULT_ATTACKS } = options;
  const benign = options.benign ?? attacks;
  const voices = [benignVoices(), attackVoices()] as const;
  const seen = new Set<string>();
  for (let index = 0; index < Math.max(attacks, benign); index += 1) {
    if (index < attacks) yield fresh(seed, index, 1, voices[1], seen);
    if (index < benign) yield fresh(seed, index, 0, voices[0], seen);
  }
}

function fresh(seed: number, index: number, label: 0 | 1, voices: readonly Voice[], seen: Set<string>): GeneratedRow {
  const plan = drawPlan(seed, index);
  for (let attempt = 0; ; attempt += 1) {
    const random = createRandom(mixSeed(seed, index, label, attempt, 3));
    const speaker = draw(random, voices);
    const text = speak(random, speaker, plan.style, plan.target);
    if (seen.has(text) && attempt < RETRIES) continue;
    seen.add(text);
    return {
      text,
      label,
      source: "generated",
      technique: speaker.technique,
      language: speaker.language,
      wrapper: "plain",
      obfuscation: "none",
    };
  }
}

function draw(random: ReturnType<typeof createRandom>, voices: readonly Voice[]): Voice["speaker"] {
  const shares = Object.fromEntries(voices.map(({ share }, at) => [String(at), share]));
  const voice = voices[Number(random.weighted(shares))];
  if (voice === undefined) throw new Error("no voice to draw from");
  return voice.speaker;
}
