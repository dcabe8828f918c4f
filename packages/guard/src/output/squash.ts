/** What is left of a text, and where it stood. */
export interface Squashed {
  readonly codes: Uint16Array;
  /** For each code its place in the text. */
  readonly at: Uint32Array;
}

/** Keeps of a text what `kept` gives another code than 0 for, as that code. */
export function squash(text: string, kept: (code: number) => number): Squashed {
  const codes = new Uint16Array(text.length);
  const at = new Uint32Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = kept(text.charCodeAt(i));
    if (code === 0) continue;
    codes[length] = code;
    at[length++] = i;
  }
  return { codes: codes.subarray(0, length), at: at.subarray(0, length) };
}

/** The codes as a string. */
export function textOf(codes: Uint16Array): string {
  return Buffer.from(codes.buffer, codes.byteOffset, codes.byteLength).toString("utf16le");
}

/** Another script, an encoding of some length, an escape, or a digit inside of a word. */
const SIGNS =
  /[^\0-\x7f]|[\w+/-]{24}|(?:[0-9a-fA-F]{2}[ ,:-]){10}|%[0-9a-fA-F]{2}|&#?\w|\\[uUxX]|U\+|[a-z][013457@$!]{1,2}[a-z]/;

/** Whether the normaliser could find more in a text than squashing shows. Plain prose passes with one look. */
export function mayHide(text: string): boolean {
  return SIGNS.test(text);
}
