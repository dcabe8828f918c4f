import type { Undone } from "./types.ts";

const LEET: Readonly<Record<string, string>> = {
  "0": "o",
  "1": "i",
  "3": "e",
  "4": "a",
  "5": "s",
  "7": "t",
  "8": "b",
  "9": "g",
  "@": "a",
  $: "s",
  "!": "i",
};

/** A digit or sign between letters, or before at least three: the cheap look that most texts fail. */
const LEET_LIKELY = /[a-z][013457@$!]{1,2}[a-z]|(?<![a-z0-9])[0134579@$!]{1,2}[a-z]{3}/;
const LEET_TOKEN = /[a-z0-9@$!]{3,}/g;

/** Reads digits and signs inside words as the letters they look like. Takes lower case. */
export function unleet(text: string, undone: Undone): string {
  if (!LEET_LIKELY.test(text)) return text;
  return text.replace(LEET_TOKEN, (token, at: number) => {
    const read = leetWord(token);
    // The part before the @ of an address is not followed by a space but by a dot.
    if (read === null || (token.includes("@") && text[at + token.length] === ".")) return token;
    undone.leetspeak++;
    return read;
  });
}

/** The word that `token` is leetspeak for, or null when it is a plain word, a number or an identifier. */
function leetWord(token: string): string | null {
  if (token.length > 40 || /[26]/.test(token)) return null;
  const core = token.replace(/[!$@]+$/, "");
  const letters = core.replace(/[^a-z]/g, "").length;
  const signs = core.length - letters;
  // One digit in a long run of letters is an identifier, two thirds digits are a number.
  if (signs === 0 || letters < 2 || signs > letters * 2 || letters > signs * 12) return null;
  const inner = /[a-z][^a-z]{1,3}[a-z]/.test(core);
  const leading = /^[^a-z]{1,2}[a-z]{3}/.test(core);
  // 3 digits in a row are a number, unless other signs make up the rest of the word; a lone leading digit before a
  // unit is one, too.
  if (/\d{4}/.test(core) || !(inner || leading)) return null;
  if (/\d{3}/.test(core) && (core.match(/[^a-z]+/g) ?? []).length < 3) return null;
  let word = "";
  for (const char of core) word += LEET[char] ?? char;
  return word + token.slice(core.length);
}

const SPACED_LIKELY =
  /(?<![\p{L}\p{N}])\p{L}([\s.\-_*|/,~+])\p{L}\1\p{L}\1\p{L}(?![\p{L}\p{N}])|(?<![\p{L}\p{N}])\p{L}([\s.\-_*|/,~+])\p{L}\2\p{L}\2\p{L}\2/u;
const SPACED_RUN =
  /(?<![\p{L}\p{N}])\p{L}(?:([\s.\-_*|/,~+])\p{L}(?:\1\p{L}){2,}|(?:[\s.\-_*|/,~+]\p{L}){3,})(?![\p{L}\p{N}])/gu;

/** Joins letters that stand apart, `i g n o r e` or `i-g-n-o-r-e`; two or more spaces keep words apart. */
export function unspace(text: string, undone: Undone): string {
  if (!SPACED_LIKELY.test(text)) return text;
  return text.replace(SPACED_RUN, (run) => {
    const letters = run.replace(/[\s.\-_*|/,~+]/g, "");
    // `k k k k k` is repetition, not a word; the classifier should see it as it is.
    if (new Set(letters).size < 3) return run;
    undone.spaced += letters.length;
    return letters;
  });
}
