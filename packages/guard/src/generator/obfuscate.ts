import type { Random } from "./random.ts";

/** Ways to write a text so that a filter misses it while a model can still read it. */
export const OBFUSCATIONS = [
  "base64",
  "base64url",
  "hex",
  "binary",
  "url",
  "rot13",
  "reversed",
  "reversed_words",
  "leetspeak",
  "homoglyph",
  "zero_width",
  "bidi",
  "tags",
  "spaced",
  "html_entities",
  "unicode_escapes",
  "fullwidth",
  "letterlike",
  "combining",
  "small_capitals",
] as const;

/** One way to obfuscate. */
export type Obfuscation = (typeof OBFUSCATIONS)[number];

/** Of these, honest texts have few: an encoding is a tool, a lookalike letter hardly ever. */
export const RARELY_HONEST: ReadonlySet<Obfuscation> = new Set([
  "homoglyph",
  "zero_width",
  "bidi",
  "tags",
  "combining",
  "reversed_words",
  "small_capitals",
  "letterlike",
]);

/** How many characters the kind makes of one. */
export const EXPANSION: Readonly<Record<Obfuscation, number>> = {
  base64: 1.4,
  base64url: 1.4,
  hex: 2.5,
  binary: 9,
  url: 1.6,
  rot13: 1,
  reversed: 1,
  reversed_words: 1,
  leetspeak: 1,
  homoglyph: 1,
  zero_width: 1.5,
  bidi: 1.1,
  tags: 2,
  spaced: 2,
  html_entities: 5,
  unicode_escapes: 5,
  fullwidth: 1,
  letterlike: 2,
  combining: 1.8,
  small_capitals: 1,
};

const LOOKALIKES: Readonly<Record<string, string>> = {
  a: "а",
  c: "с",
  e: "е",
  i: "і",
  j: "ј",
  o: "о",
  p: "р",
  s: "ѕ",
  x: "х",
  y: "у",
  h: "һ",
  d: "ԁ",
  q: "ԛ",
  w: "ԝ",
  A: "А",
  B: "В",
  C: "С",
  E: "Е",
  H: "Н",
  I: "І",
  K: "К",
  M: "М",
  O: "О",
  P: "Р",
  S: "Ѕ",
  T: "Т",
  X: "Х",
  Y: "Ү",
};
const LEET: Readonly<Record<string, string>> = {
  a: "4",
  e: "3",
  i: "1",
  o: "0",
  s: "5",
  t: "7",
  A: "4",
  E: "3",
  I: "1",
  O: "0",
  S: "5",
  T: "7",
};
const SMALL_CAPITALS = "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡxʏᴢ";
const ZERO_WIDTH = ["\u200B", "\u200C", "\u200D", "\u2060", "\uFEFF", "\u00AD"];
const MARKS = ["\u0301", "\u0308", "\u0323", "\u0332", "\u0335", "\u0336", "\u034F", "\u0489"];
const LETTERLIKE_STARTS = [0x1d400, 0x1d434, 0x1d468, 0x1d4d0, 0x1d56c, 0x1d5a0, 0x1d5d4, 0x1d608, 0x1d63c, 0x1d670];

/** The text in that form. Some kinds change every character and some only a part, as people do. */
export function obfuscate(random: Random, kind: Obfuscation, text: string): string {
  switch (kind) {
    case "base64":
      return Buffer.from(text, "utf8").toString("base64");
    case "base64url":
      return Buffer.from(text, "utf8").toString("base64url");
    case "hex":
      return hex(random, text);
    case "binary":
      return [...Buffer.from(text, "utf8")].map((byte) => byte.toString(2).padStart(8, "0")).join(" ");
    case "url":
      return random.chance(0.6) ? encodeURIComponent(text) : percentEverything(text);
    case "rot13":
      return rot13(text);
    case "reversed":
      return Array.from(text).toReversed().join("");
    case "reversed_words":
      return text.replace(/\p{L}+/gu, (word) => Array.from(word).toReversed().join(""));
    case "leetspeak":
      return eachChar(text, random, 0.6 + random.next() * 0.4, (char) => LEET[char] ?? char);
    case "homoglyph":
      return eachChar(text, random, 0.3 + random.next() * 0.7, (char) => LOOKALIKES[char] ?? char);
    case "zero_width": {
      const mark = random.pick(ZERO_WIDTH);
      return eachChar(text, random, 0.25 + random.next() * 0.75, (char) => (/\p{L}/u.test(char) ? char + mark : char));
    }
    case "bidi":
      return bidi(random, text);
    case "tags":
      return `${random.pick(["", "👋", "🏴", "Hello! "])}${tagged(text)}`;
    case "spaced":
      return spaced(random, text);
    case "html_entities":
      return htmlEntities(random, text);
    case "unicode_escapes":
      return escapes(random, text);
    case "fullwidth":
      return eachChar(text, random, 1, (char) =>
        char >= "!" && char <= "~" ? String.fromCodePoint(char.charCodeAt(0) + 0xfee0) : char,
      );
    case "letterlike":
      return letterlike(random.pick(LETTERLIKE_STARTS), text);
    case "combining": {
      const marks = random.chance(0.5) ? [random.pick(MARKS)] : MARKS;
      return eachChar(text, random, 0.4 + random.next() * 0.6, (char) =>
        /\p{L}/u.test(char) ? char + random.pick(marks) : char,
      );
    }
    case "small_capitals":
      return eachChar(
        text,
        random,
        1,
        (char) => Array.from(SMALL_CAPITALS)[char.toLowerCase().charCodeAt(0) - 97] ?? char,
      );
  }
}

/** Letters a to z moved 13 places; its own inverse. */
export function rot13(text: string): string {
  return text.replace(/[a-z]/gi, (letter) => {
    const base = letter <= "Z" ? 65 : 97;
    return String.fromCharCode(((letter.charCodeAt(0) - base + 13) % 26) + base);
  });
}

function eachChar(text: string, random: Random, share: number, change: (char: string) => string): string {
  let out = "";
  for (const char of text) out += share >= 1 || random.chance(share) ? change(char) : char;
  return out;
}

function hex(random: Random, text: string): string {
  const bytes = [...Buffer.from(text, "utf8")].map((byte) => byte.toString(16).padStart(2, "0"));
  const form = random.int(4);
  if (form === 0) return bytes.join(" ");
  if (form === 1) return bytes.map((byte) => `\\x${byte}`).join("");
  return form === 2 ? `0x${bytes.join("")}` : bytes.join("");
}

function percentEverything(text: string): string {
  return [...Buffer.from(text, "utf8")].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}

// Right-to-left override with the letters turned around: shown in the right order, stored in the wrong one.
function bidi(random: Random, text: string): string {
  if (random.chance(0.5)) return `\u202E${Array.from(text).toReversed().join("")}\u202C`;
  const [open, close] = random.pick([
    ["\u2066", "\u2069"],
    ["\u2067", "\u2069"],
    ["\u202A", "\u202C"],
    ["\u202B", "\u202C"],
  ] as const);
  return text.replace(/\p{L}+/gu, (word) => (random.chance(0.5) ? open + word + close : word));
}

/** Every ASCII character as its invisible twin of the Unicode tag block. */
export function tagged(text: string): string {
  let out = "";
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    out += code >= 0x20 && code < 0x7f ? String.fromCodePoint(code + 0xe0000) : char;
  }
  return out;
}

function spaced(random: Random, text: string): string {
  const mark = random.pick([" ", " ", "-", ".", "_", "*"]);
  const gap = mark === " " ? "   " : " ";
  return text
    .split(/\s+/)
    .map((word) => Array.from(word).join(mark))
    .join(gap);
}

function htmlEntities(random: Random, text: string): string {
  const form = random.int(3);
  return Array.from(text, (char) => {
    const code = char.codePointAt(0) ?? 0;
    if (char === " " || (form === 2 && random.chance(0.5))) return char;
    return form === 1 ? `&#x${code.toString(16)};` : `&#${code};`;
  }).join("");
}

function escapes(random: Random, text: string): string {
  const form = random.int(3);
  return Array.from(text, (char) => {
    const code = char.codePointAt(0) ?? 0;
    if (char === " ") return char;
    if (form === 1) return `\\u{${code.toString(16)}}`;
    if (form === 2 && code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    return Array.from(
      { length: char.length },
      (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, "0")}`,
    ).join("");
  }).join("");
}

function letterlike(start: number, text: string): string {
  return text.replace(/[a-z]/gi, (letter) => {
    const offset = letter <= "Z" ? letter.charCodeAt(0) - 65 : letter.charCodeAt(0) - 97 + 26;
    // Planck's constant stands at its own place instead of the italic h.
    return start + offset === 0x1d455 ? "\u210E" : String.fromCodePoint(start + offset);
  });
}
