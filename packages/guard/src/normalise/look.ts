/** What a text may hold; false means that the matching decoder would find nothing. */
export interface Signs {
  /** A run that is long enough for base64. */
  base64: boolean;
  /** A run of hexadecimal digits and separators that is long enough for some bytes. */
  hex: boolean;
  /** Single letters in a row. */
  spaced: boolean;
  /** A digit or sign right before a letter. */
  leetspeak: boolean;
}

const LETTER = 1;
const DIGIT = 2;
const LEET = 4;
const BASE64 = 8;
const HEX = 16;
const HEX_GAP = 32;

function bits(): Uint8Array {
  const table = new Uint8Array(128);
  const mark = (chars: string, bit: number): void => {
    for (const char of chars) {
      const code = char.charCodeAt(0);
      table[code] = (table[code] ?? 0) | bit;
    }
  };
  const lower = "abcdefghijklmnopqrstuvwxyz";
  mark(lower + lower.toUpperCase(), LETTER | BASE64);
  mark("0123456789", DIGIT | BASE64 | HEX);
  mark("abcdefABCDEF", HEX);
  mark("+/_-=", BASE64);
  mark(" :,-x\\", HEX_GAP);
  mark("01345789@$!", LEET);
  return table;
}

/**
 * Looks once at each character and says which decoders are worth their regular expressions: most texts need none of
 * them, and this costs a tenth.
 */
export function createLook(): (text: string) => Signs {
  const table = bits();
  return (text) => {
    const signs: Signs = { base64: false, hex: false, spaced: false, leetspeak: false };
    let run = 0;
    let hexDigits = 0;
    let letters = 0;
    let singles = 0;
    let before = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      const kind = code < 128 ? (table[code] as number) : LETTER;
      run = (kind & BASE64) !== 0 ? run + 1 : 0;
      if (run >= 16) signs.base64 = true;
      if ((kind & HEX) !== 0) {
        if (++hexDigits >= 16) signs.hex = true;
      } else if ((kind & HEX_GAP) === 0) hexDigits = 0;
      if ((kind & (LETTER | DIGIT)) !== 0) {
        // A letter after a letter: no single one. Digits end a row, too.
        if (++letters > 1 || (kind & DIGIT) !== 0) singles = 0;
        else if (++singles >= 4) signs.spaced = true;
        if ((before & LEET) !== 0 && (kind & LETTER) !== 0) signs.leetspeak = true;
      } else letters = 0;
      before = kind;
    }
    return signs;
  };
}
