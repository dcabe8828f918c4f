import type { Trick } from "./types.ts";

/** A text found inside another, not yet normalised. */
export interface Decoded {
  readonly text: string;
  readonly via: Trick;
}

/** Shorter ones are names, keys and colours far more often than texts. */
const BASE64 = /[A-Za-z0-9+/_-]{16,}={0,2}/g;
const HEX = /(?<![0-9a-zA-Z])(?:0x)?[0-9a-fA-F]{2}(?:(?:[ :,-]|, ?0x| ?\\x)?[0-9a-fA-F]{2}){7,}(?![0-9a-zA-Z])/g;
const BINARY = /(?<![01])[01]{8}(?:[ ,]?[01]{8}){3,}(?![01])/g;

/** Text is readable when nearly all of it is letters, spaces and usual punctuation. */
export function isReadable(text: string): boolean {
  if (text.length < 6) return false;
  let good = 0;
  let letters = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0xfffd || (code < 32 && code !== 9 && code !== 10 && code !== 13)) continue;
    good++;
    if ((code | 32) >= 97 && (code | 32) <= 122) letters++;
    else if (code >= 0xc0) letters++;
  }
  return good === text.length && letters * 2 >= text.length;
}

/** Base64 (also its URL form), of UTF-8 text. */
export function base64Texts(text: string): Decoded[] {
  const found: Decoded[] = [];
  for (const [run] of text.matchAll(BASE64)) {
    // A long word or path is also made of these characters: it has no capitals, or no lower case, inside.
    if (!/[A-Z]/.test(run) || !/[a-z]/.test(run)) continue;
    const decoded = Buffer.from(run, "base64").toString("utf8");
    if (isReadable(decoded)) found.push({ text: decoded, via: "base64" });
  }
  return found;
}

/** Hexadecimal bytes with or without separators, and bytes as eight binary digits. */
export function hexTexts(text: string): Decoded[] {
  const found: Decoded[] = [];
  for (const [run] of text.matchAll(HEX)) {
    const digits = run.replace(/0x|\\x|[ :,-]/g, "");
    const decoded = Buffer.from(digits, "hex").toString("utf8");
    if (isReadable(decoded)) found.push({ text: decoded, via: "hex" });
  }
  for (const [run] of text.matchAll(BINARY)) {
    const bytes = (run.match(/[01]{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
    const decoded = Buffer.from(bytes).toString("utf8");
    if (isReadable(decoded)) found.push({ text: decoded, via: "hex" });
  }
  return found;
}

/** ROT13 of the letters a to z. */
export function rot13(text: string): string {
  return text.replace(/[a-zA-Z]/g, (letter) => {
    const code = letter.charCodeAt(0);
    const base = code < 97 ? 65 : 97;
    return String.fromCharCode(((code - base + 13) % 26) + base);
  });
}

/** Frequent words of English and of attacks; none of them is another word when turned by ROT13 or backwards. */
const TELLING =
  "the and you your all this that with from have are what ignore previous instructions instruction prompt system " +
  "reveal forget tell about above print write show rules password secret which will would should must please how " +
  "make into any text repeat everything say answer give for not can";

/** A turned word, and what turns it back. */
export type TurnedWords = ReadonlyMap<string, "rot13" | "reversed">;

/** Builds the table of frequent words, turned. */
export function buildTurnedWords(): TurnedWords {
  const words = TELLING.split(" ");
  const plain = new Set(words);
  const table = new Map<string, "rot13" | "reversed">();
  for (const word of words) {
    table.set(rot13(word), "rot13");
    const backwards = [...word].reverse().join("");
    // `not` backwards is `ton`, `are` is `era`: too ordinary to tell anything.
    if (!plain.has(backwards) && !["ton", "era", "nac", "tah", "yna", "woh"].includes(backwards)) {
      table.set(backwards, "reversed");
    }
  }
  return table;
}

/** Bit per possible hash of a turned word: one look per word says "no" for nearly all. */
export function turnedFilter(words: TurnedWords): Uint8Array {
  const filter = new Uint8Array(8192);
  for (const word of words.keys()) {
    let hash = 0;
    for (let i = 0; i < word.length; i++) hash = (Math.imul(hash, 31) + word.charCodeAt(i)) | 0;
    filter[(hash ^ (hash >>> 13)) & 8191] = 1;
  }
  return filter;
}

/** The text read backwards or by ROT13, when enough of its words are frequent words so turned. Takes lower case. */
export function turnedTexts(text: string, words: TurnedWords, filter: Uint8Array): Decoded[] {
  let byRot13 = 0;
  let backwards = 0;
  let hash = 0;
  let start = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 32;
    if (code >= 97 && code <= 122) {
      hash = (Math.imul(hash, 31) + code) | 0;
      continue;
    }
    const length = i - start;
    if (length >= 3 && length <= 12 && filter[(hash ^ (hash >>> 13)) & 8191] === 1) {
      const kind = words.get(text.slice(start, i));
      if (kind === "rot13") byRot13++;
      else if (kind === "reversed") backwards++;
    }
    hash = 0;
    start = i + 1;
  }
  const found: Decoded[] = [];
  if (byRot13 >= 2) found.push({ text: rot13(text), via: "rot13" });
  if (backwards >= 2) found.push({ text: [...text].reverse().join(""), via: "reversed" });
  return found;
}
