/** Signs the character model tells apart: a to z, digit, space, line end, 33 punctuation signs, others. */
export const ALPHABET = 64;
/** Places in the table of a character model: one per three signs. */
export const SURPRISE_SIZE = ALPHABET ** 3;
/** Stored as sixteenths of a bit, in one byte. */
const STEPS = 16;
/** How many characters a surprise is averaged over: about the length of an adversarial suffix. */
const SPAN = 40;

/** Keys, hashes and encoded data are no language: of a run of letters and digits only so many count. */
const RUN = 12;

const OTHER_LETTER = 62;
const OTHER = 63;

/** Sign of each ASCII code unit. */
export function signTable(): Uint8Array {
  const table = new Uint8Array(128).fill(OTHER);
  for (let i = 0; i < 26; i++) table[97 + i] = table[65 + i] = i;
  for (let i = 48; i <= 57; i++) table[i] = 26;
  table[32] = table[9] = 27;
  table[10] = table[13] = 28;
  [..."!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"].forEach((sign, i) => {
    table[sign.charCodeAt(0)] = 29 + i;
  });
  return table;
}

/** Largest mean surprise of any forty characters of a text, in bits per character. */
export type MeasureSurprise = (text: string) => number;

/** Measures with a table made by `trainSurprise`. */
export function createSurprise(table: Uint8Array): MeasureSurprise {
  const signs = signTable();
  const ring = new Uint8Array(SPAN);
  return (text) => {
    let before = 27;
    let last = 27;
    let run = 0;
    let sum = 0;
    let windowed = 0;
    let max = 0;
    let count = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      const sign = code < 128 ? (signs[code] as number) : code < 0x2000 || code > 0x3000 ? OTHER_LETTER : OTHER;
      const bits = table[((before << 6) | last) * ALPHABET + sign] as number;
      before = last;
      last = sign;
      run = sign <= 26 ? run + 1 : 0;
      if (run > RUN) continue;
      sum += bits;
      const slot = count % SPAN;
      windowed += bits - (count >= SPAN ? (ring[slot] as number) : 0);
      ring[slot] = bits;
      count++;
      if (count >= SPAN && windowed > max) max = windowed;
    }
    return count >= SPAN ? max / STEPS / SPAN : sum / STEPS / Math.max(count, 12);
  };
}

/**
 * Trains the character model on benign texts: three-sign probabilities, mixed with those of two signs and one as
 * Witten and Bell do it (a context that was followed by many different signs trusts itself less).
 */
export function trainSurprise(texts: Iterable<string>): Uint8Array {
  const signs = signTable();
  const three = new Uint32Array(SURPRISE_SIZE);
  const two = new Uint32Array(ALPHABET ** 2);
  const one = new Uint32Array(ALPHABET);
  for (const text of texts) {
    let before = 27;
    let last = 27;
    // A long text must not speak for all.
    const end = Math.min(text.length, 4000);
    for (let i = 0; i < end; i++) {
      const code = text.charCodeAt(i);
      const sign = code < 128 ? (signs[code] as number) : code < 0x2000 || code > 0x3000 ? OTHER_LETTER : OTHER;
      const context = (before << 6) | last;
      const place = context * ALPHABET + sign;
      three[place] = (three[place] as number) + 1;
      two[last * ALPHABET + sign] = (two[last * ALPHABET + sign] as number) + 1;
      one[sign] = (one[sign] as number) + 1;
      before = last;
      last = sign;
    }
  }
  const p1 = mixed(one, 0, null);
  const table = new Uint8Array(SURPRISE_SIZE);
  for (let last = 0; last < ALPHABET; last++) {
    const p2 = mixed(two, last * ALPHABET, p1);
    for (let before = 0; before < ALPHABET; before++) {
      const at = ((before << 6) | last) * ALPHABET;
      const p3 = mixed(three, at, p2);
      for (let sign = 0; sign < ALPHABET; sign++) {
        table[at + sign] = Math.min(255, Math.round(-Math.log2(p3[sign] as number) * STEPS));
      }
    }
  }
  return table;
}

/** Witten-Bell: `(count + kinds * lower) / (total + kinds)`; without a lower model uniform. */
function mixed(counts: Uint32Array, at: number, lower: Float64Array | null): Float64Array {
  let total = 0;
  let kinds = 0;
  for (let sign = 0; sign < ALPHABET; sign++) {
    const count = counts[at + sign] as number;
    total += count;
    if (count > 0) kinds++;
  }
  const weight = Math.max(kinds, 1);
  return Float64Array.from({ length: ALPHABET }, (_, sign) => {
    const below = lower === null ? 1 / ALPHABET : (lower[sign] as number);
    return ((counts[at + sign] as number) + weight * below) / (total + weight);
  });
}
