/** Where and with what lengths n-grams are taken; part of the model, since other settings mean other features. */
export interface ScanSettings {
  /** The table of weights has two to this power places. */
  readonly bits: number;
  /** Shortest and longest character n-gram, 2 to 6. */
  readonly charMin: number;
  readonly charMax: number;
}

/** N-grams of one text. The arrays belong to the scanner and are overwritten by its next scan. */
export interface Scan {
  /** Places in the table of weights, in the order of the text. */
  grams: Int32Array;
  gramCount: number;
  /** For each token (a word, a sign, or one CJK character): how many n-grams end with it or before it. */
  tokenEnds: Int32Array;
  /** Where each token starts in the text, in code units. */
  tokenStarts: Int32Array;
  tokenCount: number;
}

const SPACE = 0;
const WORD = 1;
const DIGIT = 2;
const SIGN = 3;
/** A character that is a word of its own, as in Chinese. */
const LONE = 4;

function asciiClasses(): Uint8Array {
  const classes = new Uint8Array(128).fill(SIGN);
  for (let code = 0; code <= 32; code++) classes[code] = SPACE;
  for (let code = 48; code <= 57; code++) classes[code] = DIGIT;
  for (let code = 97; code <= 122; code++) classes[code] = classes[code - 32] = WORD;
  classes[127] = SPACE;
  return classes;
}

function classOf(code: number): number {
  if (code < 0xa0) return SPACE;
  if (code < 0xc0) return code === 0xa0 ? SPACE : SIGN;
  if (code < 0x2000) return WORD;
  if (code < 0x2c00) return code <= 0x200a || code === 0x2028 || code === 0x2029 ? SPACE : SIGN;
  if (code >= 0x3000 && code < 0x3040) return code === 0x3000 ? SPACE : SIGN;
  if (code >= 0x3040 && code < 0xa000) return LONE;
  // Surrogates: emoji mostly; a pair is two signs.
  if (code >= 0xd800 && code < 0xe000) return SIGN;
  if (code >= 0xfe10 && code < 0xfe70) return SIGN;
  if (code >= 0xff00 && code < 0xff21) return SIGN;
  return WORD;
}

const K1 = 0x9e3779b1;
const K2 = 0x85ebca77;
const K3 = 0xc2b2ae3d;
const K4 = 0x27d4eb2f;
const K5 = 0x165667b1;

/** Spreads the bits of a 32-bit hash (the first half of MurmurHash3's finaliser). */
function mix(hash: number): number {
  const a = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (a ^ (a >>> 13)) >>> 0;
}

/** Takes the n-grams of texts of at most `maxLength` code units; longer ones are the caller's to cut. */
export type Scanner = (text: string) => Scan;

/**
 * Builds a scanner: word n-grams of one to three words and pairs with a gap of one, which survive an inserted word,
 * and character n-grams that run across words, which survive a changed spelling. Numbers count as one word.
 */
export function createScanner(settings: ScanSettings, maxLength: number): Scanner {
  const { bits, charMin, charMax } = settings;
  const shift = 32 - bits;
  const classes = asciiClasses();
  const capacity = maxLength * (charMax - charMin + 1) + (maxLength + 1) * 4;
  const scan: Scan = {
    grams: new Int32Array(capacity),
    gramCount: 0,
    tokenEnds: new Int32Array(maxLength + 1),
    tokenStarts: new Int32Array(maxLength + 1),
    tokenCount: 0,
  };

  return (text) => {
    const { grams, tokenEnds, tokenStarts } = scan;
    const end = Math.min(text.length, maxLength);
    let count = 0;
    let tokens = 0;
    // The last five characters, white space collapsed.
    let c1 = 32,
      c2 = 32,
      c3 = 32,
      c4 = 32,
      c5 = 32;
    // Hashes of the last two tokens.
    let w1 = 0,
      w2 = 0;
    let word = 0;
    let wordStart = 0;
    let open = SPACE;

    for (let i = 0; i <= end; i++) {
      let code = i < end ? text.charCodeAt(i) : 32;
      const kind = code < 128 ? (classes[code] as number) : classOf(code);
      // A token ends where the class changes; signs and lone characters are tokens by themselves.
      if (open !== SPACE && (kind !== open || open === SIGN || open === LONE)) {
        const hash = open === DIGIT ? 0x5bd1e995 : word;
        grams[count++] = mix(hash) >>> shift;
        grams[count++] = mix(Math.imul(w1, K1) + hash) >>> shift;
        grams[count++] = mix(Math.imul(w2, K3) + Math.imul(w1, K2) + hash) >>> shift;
        grams[count++] = mix(Math.imul(w2, K4) + hash) >>> shift;
        w2 = w1;
        w1 = hash;
        tokenStarts[tokens] = wordStart;
        tokenEnds[tokens++] = count;
        open = SPACE;
      }
      if (kind === SPACE) {
        if (c1 === 32) continue;
        code = 32;
      } else {
        if (open === SPACE) {
          open = kind;
          wordStart = i;
          word = 0x811c9dc5 | 0;
        }
        word = Math.imul(word ^ code, 0x01000193);
      }
      let hash = Math.imul(c1, K1) + code;
      if (charMin <= 2) grams[count++] = mix(hash ^ 0x2222) >>> shift;
      hash = (hash + Math.imul(c2, K2)) | 0;
      if (charMin <= 3 && charMax >= 3) grams[count++] = mix(hash ^ 0x3333) >>> shift;
      hash = (hash + Math.imul(c3, K3)) | 0;
      if (charMin <= 4 && charMax >= 4) grams[count++] = mix(hash ^ 0x4444) >>> shift;
      hash = (hash + Math.imul(c4, K4)) | 0;
      if (charMin <= 5 && charMax >= 5) grams[count++] = mix(hash ^ 0x5555) >>> shift;
      hash = (hash + Math.imul(c5, K5)) | 0;
      if (charMin <= 6 && charMax >= 6) grams[count++] = mix(hash ^ 0x6666) >>> shift;
      c5 = c4;
      c4 = c3;
      c3 = c2;
      c2 = c1;
      c1 = code;
    }
    if (tokens > 0) tokenEnds[tokens - 1] = count;
    scan.gramCount = count;
    scan.tokenCount = tokens;
    return scan;
  };
}
