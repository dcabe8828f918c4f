import type { Normalise } from "../normalise/normalise.ts";
import { mayHide, squash, type Squashed } from "./squash.ts";

/** Letters and digits of a shingle: long enough that ordinary phrases share none by chance. */
const SHINGLE = 16;
/** Of a system prompt, in letters and digits; the rest of a longer one is not compared. */
const MAX_PROMPT = 65_536;
/** Any odd number; of the rolling hash. */
const BASE = 0x01_00_01_93;

/** A piece of the system prompt in a text. */
export interface FoundLeak {
  /** From the first to the last shingle that is of the prompt, UTF-16 code units; null in a decoded form. */
  readonly start: number | null;
  readonly end: number | null;
  /** What was undone to read it, outermost first. */
  readonly via: readonly string[];
}

/** Looks for verbatim pieces of one system prompt; null where there are fewer letters and digits than are allowed. */
export type FindLeak = (text: string) => FoundLeak | null;

/**
 * Builds the search for a system prompt by the hashes of all its shingles of 16 letters and digits: case, spaces and
 * punctuation do not count, and one piece many times counts once. Null for a prompt that is shorter than `minChars`.
 */
export function createFindLeak(systemPrompt: string, minChars: number, normalise: Normalise): FindLeak | null {
  const { codes: prompt } = squash(systemPrompt, letterOrDigit);
  if (prompt.length < Math.max(minChars, SHINGLE)) return null;
  const known = new Set<number>(hashesOf(prompt.subarray(0, MAX_PROMPT)));

  /** The first and the last shingle of the prompt, or null for too few. */
  const sharedIn = (codes: Uint16Array): readonly [number, number] | null => {
    const shared = new Set<number>();
    let first = -1;
    let last = 0;
    const hashes = hashesOf(codes);
    // By index: an iterator of pairs takes three times as long here and below.
    for (let index = 0; index < hashes.length; index++) {
      const hash = hashes[index] ?? 0;
      if (!known.has(hash)) continue;
      shared.add(hash);
      if (first < 0) first = index;
      last = index;
    }
    return shared.size === 0 || shared.size + SHINGLE - 1 < minChars ? null : [first, last];
  };

  return (text) => {
    const { codes, at }: Squashed = squash(text, letterOrDigit);
    const open = sharedIn(codes);
    if (open !== null) return { start: at[open[0]] ?? 0, end: (at[open[1] + SHINGLE - 1] ?? 0) + 1, via: [] };
    // Also where the normaliser, which goes by words of English, would not notice.
    if (sharedIn(codes.toReversed()) !== null) return { start: null, end: null, via: ["reversed"] };
    if (sharedIn(codes.map(rot13)) !== null) return { start: null, end: null, via: ["rot13"] };
    if (!mayHide(text)) return null;
    const { text: plain, hidden } = normalise(text);
    for (const { text: inner, via } of [...shiftedForms(text), { text: plain, via: ["normalised"] }, ...hidden]) {
      if (sharedIn(squash(inner, letterOrDigit).codes) !== null) return { start: null, end: null, via };
    }
    return null;
  };
}

/** A window of a stream can begin inside of a group of four characters of base64. */
function shiftedForms(text: string): { readonly text: string; readonly via: readonly string[] }[] {
  const [run = ""] = /^[A-Za-z0-9+/_-]{24,}/.exec(text) ?? [];
  if (run === "") return [];
  return [1, 2, 3].map((cut) => ({ text: Buffer.from(run.slice(cut), "base64").toString(), via: ["base64"] }));
}

/** Of a lower-case letter. */
function rot13(code: number): number {
  return code >= 97 && code <= 122 ? ((code - 84) % 26) + 97 : code;
}

/** The hash of each shingle, by its place. */
function hashesOf(codes: Uint16Array): Int32Array {
  const hashes = new Int32Array(Math.max(0, codes.length - SHINGLE + 1));
  let leaving = 1;
  for (let i = 0; i < SHINGLE; i++) leaving = Math.imul(leaving, BASE);
  let hash = 0;
  for (let i = 0; i < codes.length; i++) {
    hash = (Math.imul(hash, BASE) + (codes[i] ?? 0)) | 0;
    if (i >= SHINGLE) hash = (hash - Math.imul(leaving, codes[i - SHINGLE] ?? 0)) | 0;
    if (i >= SHINGLE - 1) hashes[i - SHINGLE + 1] = hash;
  }
  return hashes;
}

/** The letter in lower case, or the digit; all of other scripts but their spaces and punctuation; 0 for the rest. */
function letterOrDigit(code: number): number {
  if (code >= 97 && code <= 122) return code;
  if (code >= 65 && code <= 90) return code | 32;
  if (code >= 48 && code <= 57) return code;
  if (code < 0xc0 || (code >= 0x2000 && code <= 0x206f) || (code >= 0x3000 && code <= 0x303f)) return 0;
  return code >= 0xfe00 && code <= 0xfe0f ? 0 : code;
}
