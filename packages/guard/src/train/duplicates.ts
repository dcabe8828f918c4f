import type { Normalise } from "../normalise/normalise.ts";

/** Hash functions per text, in bands: two texts that share 60% of their shingles meet in some band 98 times of 100. */
const HASHES = 48;
const BAND = 4;
/** Share of equal hashes from which two texts count as one; it estimates the share of common shingles. */
const SAME = 0.5;
/** Words per shingle; shorter texts are one shingle. */
const SHINGLE = 3;
/** A text's first words decide: a page of them tells near-copies apart. */
const MAX_WORDS = 600;

/**
 * Groups texts that say nearly the same in nearly the same words: element i is the group of text i, the index of its
 * first member. Copies that differ only in what the normaliser undoes are always together. MinHash (Broder, 1997).
 */
export function nearDuplicateGroups(texts: readonly string[], normalise: Normalise): Int32Array {
  const parent = Int32Array.from(texts, (_, i) => i);
  const root = (i: number): number => {
    let at = i;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  };
  const signatures = texts.map((text) => signature(normalise(text).text));
  const buckets = new Map<string, number[]>();
  for (let band = 0; band < HASHES; band += BAND) {
    buckets.clear();
    signatures.forEach((hashes, i) => {
      const key = hashes.subarray(band, band + BAND).join();
      const bucket = buckets.get(key);
      if (bucket === undefined) buckets.set(key, [i]);
      else {
        // The first of a group speaks for it, so a crowd of copies stays linear.
        const other = bucket.find((j) => root(j) === root(i) || alike(hashes, signatures[j] as Uint32Array));
        if (other === undefined) bucket.push(i);
        else join(parent, root(other), root(i));
      }
    });
  }
  return parent.map((_, i) => root(i));
}

function join(parent: Int32Array, a: number, b: number): void {
  parent[Math.max(a, b)] = Math.min(a, b);
}

function alike(a: Uint32Array, b: Uint32Array): boolean {
  let same = 0;
  for (let i = 0; i < HASHES; i++) if (a[i] === b[i]) same++;
  return same >= HASHES * SAME;
}

function signature(text: string): Uint32Array {
  // Without spaces between words (Chinese, Thai) a shingle is made of characters.
  const spaced = text.match(/[\p{L}\p{N}]+/gu) ?? [];
  const words = text.length > 40 && spaced.length * 15 < text.length ? [...text] : spaced;
  const mins = new Uint32Array(HASHES).fill(0xffffffff);
  const end = Math.max(1, Math.min(words.length, MAX_WORDS) - SHINGLE + 1);
  for (let i = 0; i < end; i++) {
    const hash = hashOf(words.slice(i, i + SHINGLE).join(" "));
    for (let k = 0; k < HASHES; k++) {
      // One strong hash, then a different odd multiplier and offset for each of the others.
      let mixed = Math.imul(hash ^ (k * 0x9e3779b9), 0x85ebca6b + k * 2);
      mixed = (mixed ^ (mixed >>> 15)) >>> 0;
      if (mixed < (mins[k] as number)) mins[k] = mixed;
    }
  }
  return mins;
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) | 0;
}
