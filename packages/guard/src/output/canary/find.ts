import { rot13 } from "../../normalise/decoders.ts";
import type { Normalise } from "../../normalise/normalise.ts";
import { mayHide, squash, textOf } from "../squash.ts";

/** A canary in a text, or half of it. */
export interface FoundCanary {
  /** UTF-16 code units; null where it was found in a decoded form. */
  readonly start: number | null;
  readonly end: number | null;
  /** What was undone to read it, outermost first. */
  readonly via: readonly string[];
}

/** Looks for one canary; all its places, or one decoded form of it. */
export type FindCanary = (text: string) => readonly FoundCanary[];

interface Needle {
  readonly text: string;
  readonly via: readonly string[];
}

/**
 * Builds the search for a canary. Half of it is enough: 12 letters of 14 are 45 bits, which no text has by chance. It
 * is found in any case, with anything but letters between its letters, backwards, in ROT13, base64 and hexadecimal,
 * and in whatever else the normaliser undoes, also nested.
 */
export function createFindCanary(canary: string, normalise: Normalise): FindCanary {
  const middle = Math.ceil(canary.length / 2);
  const halves = [canary.slice(0, middle), canary.slice(middle)];
  const letters: Needle[] = halves.flatMap((half) => [
    { text: half, via: [] },
    { text: backwards(half), via: ["reversed"] },
    { text: rot13(half), via: ["rot13"] },
    { text: rot13(backwards(half)), via: ["rot13", "reversed"] },
  ]);
  const cased = halves.flatMap((half) => [half, half.toUpperCase()]);
  const base64: Needle[] = cased.flatMap((half) => base64Forms(half)).map((text) => ({ text, via: ["base64"] }));
  const hex: Needle[] = cased.map((half) => ({ text: Buffer.from(half).toString("hex"), via: ["hex"] }));

  return (text) => {
    const open = [
      ...among(text, letters, lowerLetter),
      ...among(text, base64, base64Letter),
      // The prefix of each byte would stand among the digits.
      ...among(text.replace(/0x|\\x/gi, "  "), hex, hexDigit),
    ];
    if (open.length > 0) return merged(open);
    if (!mayHide(text)) return [];
    const { text: plain, hidden } = normalise(text);
    for (const { text: inner, via } of [{ text: plain, via: ["normalised"] }, ...hidden]) {
      const [within] = among(inner, letters, lowerLetter);
      if (within !== undefined) return [{ start: null, end: null, via: [...via, ...within.via] }];
    }
    return [];
  };
}

interface Span extends FoundCanary {
  readonly start: number;
  readonly end: number;
}

/** Every place of every needle, with whatever `kept` drops between its characters. */
function among(text: string, needles: readonly Needle[], kept: (code: number) => number): Span[] {
  const { codes, at } = squash(text, kept);
  const squashed = textOf(codes);
  const found: Span[] = [];
  for (const { text: needle, via } of needles) {
    for (let index = squashed.indexOf(needle); index >= 0; index = squashed.indexOf(needle, index + needle.length)) {
      const start = at[index] ?? 0;
      const end = (at[index + needle.length - 1] ?? 0) + 1;
      found.push({ start, end, via: end - start > needle.length ? ["spaced", ...via] : via });
    }
  }
  return found;
}

/** Between the halves of one canary stands at most this. */
const GAP = 8;

/** Halves that belong together as one place. */
function merged(found: Span[]): Span[] {
  found.sort((one, other) => one.start - other.start);
  const apart: Span[] = [];
  for (const one of found) {
    const last = apart.at(-1);
    if (last === undefined || one.start > last.end + GAP) apart.push(one);
    else apart.splice(-1, 1, { ...last, end: Math.max(last.end, one.end) });
  }
  return apart;
}

function backwards(text: string): string {
  return [...text].reverse().join("");
}

/** What base64 has of a text whatever stands before it: three forms, without the characters that depend on neighbours. */
function base64Forms(text: string): string[] {
  return [0, 1, 2].map((before) => {
    const whole = Buffer.from("\0".repeat(before) + text).toString("base64");
    const from = [0, 2, 3][before] ?? 0;
    const bits = (before + text.length) * 8;
    return whole.slice(from, Math.floor(bits / 6));
  });
}

/** The lower-case letter, or 0 for what is none. */
function lowerLetter(code: number): number {
  const lower = code | 32;
  return code < 128 && lower >= 97 && lower <= 122 ? lower : 0;
}

function base64Letter(code: number): number {
  return lowerLetter(code) !== 0 || (code >= 48 && code <= 57) || code === 43 || code === 47 ? code : 0;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code;
  const lower = lowerLetter(code);
  return lower >= 97 && lower <= 102 ? lower : 0;
}
