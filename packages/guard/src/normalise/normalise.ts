import { base64Texts, buildTurnedWords, type Decoded, hexTexts, turnedFilter, turnedTexts } from "./decoders.ts";
import { resolveEscapes } from "./escapes.ts";
import { fold } from "./fold.ts";
import { buildLookalikes } from "./homoglyphs.ts";
import { unleet, unspace } from "./letters.ts";
import { createLook } from "./look.ts";
import { type Hidden, type Normalised, nothingUndone, type Trick, type Undone } from "./types.ts";

/** How deep encodings may be nested; the innermost ones stay encoded. */
export const MAX_DEPTH = 3;
/** How many hidden texts are read; an input with more is read up to there. */
export const MAX_HIDDEN = 64;
/** Hidden texts together may be this many times as long as the input. */
const MAX_GROWTH = 4;

/** Undoes what hides a text. Never throws; time and space are linear in the input. */
export type Normalise = (text: string) => Normalised;

/** Builds a normaliser, with its tables. */
export function createNormaliser(): Normalise {
  const lookalikes = buildLookalikes();
  const look = createLook();
  const turned = buildTurnedWords();
  const filter = turnedFilter(turned);

  /** One text to its plain form; what was found inside goes to `inside`. */
  const unmask = (input: string, undone: Undone, inside: Decoded[]): string => {
    let text = input;
    for (let round = 0; round < MAX_DEPTH; round++) {
      const before = text;
      // Everything outside ASCII, or a carrier of escapes; a plain text passes with two looks.
      if (/[^\0-\x7f]/.test(text)) {
        const folded = fold(text.toWellFormed(), lookalikes, undone);
        text = folded.text;
        if (folded.tagged !== "") inside.push({ text: folded.tagged, via: "tag" });
      }
      if (/[%&\\]|U\+/.test(text)) text = resolveEscapes(text, undone);
      if (text === before) break;
    }
    const signs = look(text);
    if (signs.base64) inside.push(...base64Texts(text));
    if (signs.hex) inside.push(...hexTexts(text));
    text = text.toLowerCase();
    if (signs.leetspeak) text = unleet(text, undone);
    if (signs.spaced) text = unspace(text, undone);
    inside.push(...turnedTexts(text, turned, filter));
    return text;
  };

  return (input) => {
    const undone = nothingUndone();
    const hidden: Hidden[] = [];
    let budget = input.length * MAX_GROWTH;
    let found: Decoded[] = [];
    const text = unmask(input, undone, found);
    let level: { decoded: Decoded; outer: readonly Trick[] }[] = found.map((decoded) => ({ decoded, outer: [] }));
    for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
      const next: typeof level = [];
      for (const { decoded, outer } of level) {
        // Turning a text twice gives the text again.
        if (outer.includes(decoded.via) && (decoded.via === "rot13" || decoded.via === "reversed")) continue;
        budget -= decoded.text.length;
        if (hidden.length >= MAX_HIDDEN || budget < 0) return { text, hidden, undone };
        undone[decoded.via]++;
        const via = [...outer, decoded.via];
        found = [];
        hidden.push({ text: unmask(decoded.text, undone, found), via });
        for (const inner of found) next.push({ decoded: inner, outer: via });
      }
      level = next;
    }
    return { text, hidden, undone };
  };
}
