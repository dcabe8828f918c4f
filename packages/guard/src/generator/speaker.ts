import type { Bindings, Grammar } from "./grammar.ts";
import type { Random } from "./random.ts";
import { applyStyle } from "./style.ts";
import type { Style } from "./style.ts";

/** One technique or one family of harmless texts in one language: what it can say, short and long. */
export type Speaker = {
  technique: string;
  language: string;
  grammar: Grammar;
  /** Lists of the grammar: short forms, whole messages, further sentences, neutral sentences. */
  lists: { brief: string; core: string; more: string; fill: string };
  /** Values for the grammar's `{NAME}` slots, drawn once per text. */
  bind?: (random: Random) => Bindings;
};

/** Below this many characters the short forms are used. */
const BRIEF_BELOW = 85;
/** Below this many characters no neutral sentences are added: nobody pads a short message. */
const NO_PADDING_BELOW = 260;

/** A text of about `target` characters: a core, then sentences of the speaker's own and neutral ones around it. */
export function speak(random: Random, speaker: Speaker, style: Style, target: number): string {
  const { grammar, lists } = speaker;
  const bindings = speaker.bind?.(random);
  const start = target < BRIEF_BELOW || (target < 2 * BRIEF_BELOW && random.chance(0.3)) ? lists.brief : lists.core;
  const core = closest(target, () => grammar.expand(random, start, bindings));
  const before: string[] = [];
  const after: string[] = [];
  const used = new Set<string>([core]);
  const ownShare = 0.4 + random.next() * 0.6;
  const leadShare = random.chance(0.5) ? 0 : random.next() * 0.8;
  let length = core.length;
  // A list may be smaller than a long text needs; repeats are skipped and the tries are bounded.
  const enough = target * (target < NO_PADDING_BELOW ? 0.62 : 0.92);
  for (let tries = 0; length < enough && tries < 400; tries += 1) {
    const own = tries < 300 && (target < NO_PADDING_BELOW || random.chance(used.size > 14 ? ownShare / 2 : ownShare));
    const sentence = closest(target - length, () => grammar.expand(random, own ? lists.more : lists.fill, bindings));
    if (used.has(sentence)) continue;
    used.add(sentence);
    if (!own && random.chance(leadShare)) before.push(sentence);
    else after.push(sentence);
    length += sentence.length + 1;
  }
  const gap = usesSpaces(speaker.language) ? " " : "";
  const closed = /[\p{L}\p{N}]$/u.test(core) && after.length > 0 ? `${core}${gap === "" ? "。" : "."}` : core;
  return applyStyle(random, style, [...before, closed, ...after].join(gap));
}

/** Whether sentences of that language are set apart by spaces. */
export function usesSpaces(language: string): boolean {
  return language !== "zh" && language !== "ja";
}

// The best of a few tries, so that short targets get short texts without a table of lengths.
function closest(target: number, expand: () => string): string {
  let best = expand();
  for (let tries = 0; tries < 5 && Math.abs(best.length - target) > target * 0.25; tries += 1) {
    const other = expand();
    if (Math.abs(other.length - target) < Math.abs(best.length - target)) best = other;
  }
  return best;
}
