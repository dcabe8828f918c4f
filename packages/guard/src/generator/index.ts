import { compileGrammar } from "./grammar.ts";
import { drawPlan } from "./plan.ts";
import type { Plan } from "./plan.ts";
import { createRandom, mixSeed } from "./random.ts";
import { documentText } from "./shapes/document.ts";
import { drawNoise, drawPadding, markupText } from "./shapes/markup.ts";
import {
  directMessage,
  encodedMessage,
  foreignMessage,
  noisyMessage,
  paddedMessage,
  splitMessage,
} from "./shapes/message.ts";
import { neutral } from "./shapes/shape.ts";
import type { Context, Shaped } from "./shapes/shape.ts";
import { conversation, shots } from "./shapes/turns.ts";
import type { GenerateOptions, GeneratedRow } from "./types.ts";
import { createCast } from "./voices.ts";
import { COMMON } from "./words/common.ts";
import { FILLER } from "./words/filler.ts";
import { FRAMES } from "./words/frames.ts";

export type { GenerateOptions, GeneratedRow } from "./types.ts";

const DEFAULT_ATTACKS = 10_000;
/** A text this often drawn anew is let through as a repeat, or at a length that was not wished. */
const RETRIES = 4;
/** A text may be this much shorter or longer than its plan wants before it is drawn anew. */
const TOLERANCE = 1.6;

/**
 * Labelled training texts: attacks and harmless texts in turn, until both counts are reached. The same
 * options give the same rows. Repeats of a whole text are drawn anew.
 */
export function* generate(options: GenerateOptions): Generator<GeneratedRow> {
  const { seed, attacks = DEFAULT_ATTACKS } = options;
  const benign = options.benign ?? attacks;
  const cast = createCast();
  const words = compileGrammar(COMMON, FILLER, FRAMES);
  const seen = new Set<string>();
  function row(index: number, label: 0 | 1): GeneratedRow {
    const plan = drawPlan(seed, index);
    for (let attempt = 0; ; attempt += 1) {
      const random = createRandom(mixSeed(seed, index, label, attempt, 3));
      const shaped = shape({ random, plan, label, words, cast });
      const last = attempt === RETRIES;
      if (!last && (seen.has(shaped.text) || !fits(shaped.text.length, plan.target))) continue;
      seen.add(shaped.text);
      return { ...shaped, label, source: "generated" };
    }
  }
  for (let index = 0; index < Math.max(attacks, benign); index += 1) {
    if (index < attacks) yield row(index, 1);
    if (index < benign) yield row(index, 0);
  }
}

function fits(length: number, target: number): boolean {
  return length < target * TOLERANCE && length > target / TOLERANCE;
}

function shape(context: Context): Shaped {
  const { plan, random, cast } = context;
  const shapeName: Plan["shape"] = plan.shape;
  switch (shapeName) {
    case "direct":
      return directMessage(context);
    case "document":
      return documentText(context, plan.document);
    case "encoded":
      return encodedMessage(context, plan.obfuscation);
    case "conversation":
      return conversation(context);
    case "markup":
      return markupText(context);
    case "foreign":
      return foreignMessage(context);
    case "shots":
      return shots(context);
    case "noise":
      return noisyMessage(context, (gibberish) => drawNoise(random, gibberish));
    case "split":
      return splitMessage(context);
    case "padded": {
      const speaker = cast.direct(random, 0, plan.language);
      return paddedMessage(context, (chars) => drawPadding(random, chars, () => neutral(context, speaker, 1)[0] ?? ""));
    }
  }
}
