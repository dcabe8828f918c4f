import type { Grammar } from "../grammar.ts";
import type { Plan } from "../plan.ts";
import type { Random } from "../random.ts";
import type { Speaker } from "../speaker.ts";

/** What a shape gets to build one text. */
export type Context = {
  random: Random;
  plan: Plan;
  label: 0 | 1;
  /** Frames and neutral words. */
  words: Grammar;
  cast: Cast;
};

/** Who may speak. Speakers are drawn for the label of the context, except where a neutral one is asked for. */
export type Cast = {
  /** Speaks one message to the model in the language. */
  direct(random: Random, label: 0 | 1, language: string): Speaker;
  /** Speaks from inside a document. */
  note(random: Random, label: 0 | 1, language: string): Speaker;
  /** Speaks the last turn of a conversation. */
  turn(random: Random, label: 0 | 1, language: string): Speaker;
  /** Speaks where the operator of a model would: system messages and templates. */
  operator(random: Random, label: 0 | 1, language: string): Speaker;
};

/** A finished text with what is known about it. */
export type Shaped = { text: string; technique: string; language: string; wrapper: string; obfuscation: string };

/** Neutral sentences in the speaker's language, `count` of them. */
export function neutral(context: Context, speaker: Speaker, count: number): string[] {
  return Array.from({ length: count }, () =>
    speaker.grammar.expand(context.random, speaker.lists.fill, speaker.bind?.(context.random)),
  );
}

/** Roughly how many neutral sentences fill that many characters. */
export function sentencesFor(chars: number, language: string): number {
  const length = ["zh", "ja", "ko"].includes(language) ? 24 : 72;
  return Math.max(0, Math.round(chars / length));
}
