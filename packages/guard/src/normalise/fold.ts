import type { Lookalikes } from "./homoglyphs.ts";
import type { Undone } from "./types.ts";

/** What folding a text gives besides the folded text. */
export interface Folded {
  /** One form per character, nothing invisible; case is kept. */
  readonly text: string;
  /** What was written in Unicode's tag characters, or "". */
  readonly tagged: string;
}

/** Full width, mathematical and enclosed letters: forms that a person hardly types in a running text. */
const STYLED = /[\uFF21-\uFF3A\uFF41-\uFF5A\u24B6-\u24E9\u249C-\u24B5]|[\u{1D400}-\u{1D7FF}\u{1F110}-\u{1F189}]/gu;
const COMBINING = /[\u0300-\u036f]|[\u0483-\u0489]|[\u1ab0-\u1aff]|[\u1dc0-\u1dff]|[\u20d0-\u20ff]/g;
const STACKED = /(?:[\u0300-\u036f]|[\u0483-\u0489]|[\u1ab0-\u1aff]|[\u1dc0-\u1dff]|[\u20d0-\u20ff]){2,}/g;
/** Soft hyphen, joiners, fillers, variation selectors, byte order marks and the like. */
const INVISIBLE =
  /\u00ad|\u034f|[\u115f\u1160]|[\u17b4\u17b5]|[\u180b-\u180f]|[\u200b-\u200d]|[\u2060-\u2064\u206a-\u206f]|\u3164|[\ufe00-\ufe0f]|\ufeff|\uffa0|[\ufff9-\ufffb]|[\u{e0100}-\u{e01ef}]|[\u{1d173}-\u{1d17a}]/gu;
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const BIDI_FORCED = /[\u202a-\u202e\u2066-\u2069]/g;
/**
 * The three flags that are a black flag and tags (Unicode's RGI_Emoji_Tag_Sequence): England, Scotland, Wales. Only
 * these: any other row of tags after a flag would be a hiding place.
 */
const FLAG =
  /\u{1f3f4}\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073})\u{e007f}/gu;
const TAG = /[\u{e0000}-\u{e007f}]/gu;

function matches(text: string, pattern: RegExp): number {
  let count = 0;
  pattern.lastIndex = 0;
  while (pattern.test(text)) count++;
  return count;
}

/**
 * Brings a text that is not plain ASCII to one form: Unicode NFKC without diacritics, without invisible and
 * direction characters, with lookalikes of Latin letters as those letters. Each regular expression matches single
 * characters or one run, so the whole is linear.
 */
export function fold(input: string, lookalikes: Lookalikes, undone: Undone): Folded {
  let text = input;
  let tagged = "";
  if (/\udb40[\udc00-\udc7f]/.test(text)) {
    text = text.replace(FLAG, "\u{1f3f4}");
    text = text.replace(TAG, (tag) => {
      undone.tag++;
      const code = (tag.codePointAt(0) ?? 0) - 0xe0000;
      if (code >= 0x20 && code < 0x7f) tagged += String.fromCharCode(code);
      return "";
    });
  }
  text = dropInvisible(text, undone);
  undone.bidi += matches(text, BIDI_FORCED);
  text = text.replace(BIDI, "");
  undone.compatibility += matches(text, STYLED);
  text = unboxed(text);
  for (const stack of text.match(STACKED) ?? []) undone.combining += stack.length;
  text = text.normalize("NFKD").replace(COMBINING, "").normalize("NFC");
  return { text: unmasked(text, lookalikes, undone), tagged };
}

/** Joiners belong between emoji and in Indic and Persian words; between two Latin letters or digits they hide. */
function dropInvisible(text: string, undone: Undone): string {
  return text.replace(INVISIBLE, (_match, at: number) => {
    if (isAsciiWord(text.charCodeAt(at - 1))) undone.invisible++;
    return "";
  });
}

function isAsciiWord(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57);
}

/** Letters in boxes and circles that NFKC leaves as they are. */
function unboxed(text: string): string {
  if (!/\ud83c[\udd50-\udd89]/.test(text)) return text;
  return text.replace(/[\u{1f150}-\u{1f169}\u{1f170}-\u{1f189}]/gu, (box) => {
    const code = box.codePointAt(0) ?? 0;
    return String.fromCharCode(65 + (code >= 0x1f170 ? code - 0x1f170 : code - 0x1f150));
  });
}

const isLatin = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
/** Greek and Cyrillic blocks. */
const isOtherScript = (code: number): boolean => code >= 0x370 && code <= 0x52f;

/**
 * Writes lookalikes as the Latin letters they stand for. A Russian or Greek word stays as it is: lookalikes count
 * only in a word that also has Latin letters, or in a text of Latin words where no letter of the other script is
 * anything else than a lookalike.
 */
function unmasked(text: string, { otherScript, oddLatin }: Lookalikes, undone: Undone): string {
  let foreign = false;
  let genuine = false;
  let latin = 0;
  let odd = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isLatin(code)) latin++;
    else if (isOtherScript(code)) {
      foreign = true;
      if (!otherScript.has(code)) genuine = true;
    } else if (oddLatin.has(code)) odd = true;
  }
  if (!odd && (!foreign || latin === 0)) return text;
  const parts: string[] = [];
  let wordStart = 0;
  let flushed = 0;
  const endWord = (end: number): void => {
    let mixed = !genuine;
    let others = false;
    for (let i = wordStart; i < end; i++) {
      const code = text.charCodeAt(i);
      if (isLatin(code)) mixed = true;
      else if (otherScript.has(code) || oddLatin.has(code)) others = true;
    }
    if (!others) return;
    let word = "";
    for (let i = wordStart; i < end; i++) {
      const code = text.charCodeAt(i);
      const meant = oddLatin.get(code) ?? (mixed && latin > 0 ? otherScript.get(code) : undefined);
      if (meant !== undefined) undone.homoglyph++;
      word += String.fromCharCode(meant ?? code);
    }
    parts.push(text.slice(flushed, wordStart), word);
    flushed = end;
  };
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 32;
    if (code > 127 || isLatin(code)) continue;
    if (i > wordStart) endWord(i);
    wordStart = i + 1;
  }
  parts.push(text.slice(flushed));
  return parts.join("");
}
