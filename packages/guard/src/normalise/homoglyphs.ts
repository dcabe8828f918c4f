/**
 * Letters of other scripts that look like a Latin one in common fonts. Capitals stand here where their lower case
 * form looks different (В is a lookalike of B, в of no letter a reader would take for it).
 */
const OTHER_SCRIPT = {
  a: "аАαΑ",
  b: "ВьΒβ",
  c: "сСϲϹ",
  d: "ԁ",
  e: "еЕεΕ",
  g: "ԍ",
  h: "һНΗ",
  i: "іІιΙ",
  j: "јЈϳ",
  k: "кКκΚ",
  l: "ӏӀ",
  m: "МмΜ",
  n: "пηΝ",
  o: "оОοΟσ",
  p: "рРρΡ",
  q: "ԛԚ",
  r: "гЯ",
  s: "ѕЅ",
  t: "тТτΤ",
  u: "υ",
  v: "ѵνѴ",
  w: "ѡԝԜωшШ",
  x: "хХχΧ",
  y: "уУγΥҮү",
  z: "Ζ",
} as const;

/** Latin letters of phonetics and small capitals: running text in no language is written with them. */
const ODD_LATIN = {
  a: "ɑɐᴀ",
  b: "ƅɓʙ",
  c: "ɕƈᴄ",
  d: "ɖɗᴅ",
  e: "ɘᴇ",
  f: "ꜰ",
  g: "ɡɠɢ",
  h: "ɦʜ",
  i: "ɩɪɨ",
  j: "ᴊʝ",
  k: "ᴋƙ",
  l: "ʟɭɫ",
  m: "ɱᴍ",
  n: "ɴɲ",
  o: "ᴏɵ",
  p: "ᴘƥ",
  q: "ʠ",
  r: "ʀɾɼ",
  s: "ꜱʂ",
  t: "ᴛʈʇ",
  u: "ᴜʉ",
  v: "ᴠʋ",
  w: "ᴡʍ",
  y: "ʏʎ",
  z: "ᴢʐ",
} as const;

/** Code unit of a lookalike to code unit of its Latin letter. */
export interface Lookalikes {
  /** Cyrillic and Greek: lookalikes only where they stand among Latin letters. */
  readonly otherScript: ReadonlyMap<number, number>;
  /** Odd Latin letters: lookalikes everywhere. */
  readonly oddLatin: ReadonlyMap<number, number>;
}

function table(rows: Readonly<Record<string, string>>): Map<number, number> {
  const map = new Map<number, number>();
  for (const [letter, lookalikes] of Object.entries(rows)) {
    for (let i = 0; i < lookalikes.length; i++) map.set(lookalikes.charCodeAt(i), letter.charCodeAt(0));
  }
  return map;
}

/** Builds the tables; once per normaliser. */
export function buildLookalikes(): Lookalikes {
  return { otherScript: table(OTHER_SCRIPT), oddLatin: table(ODD_LATIN) };
}
