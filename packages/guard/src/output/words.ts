/** Whether a code unit can be part of a secret: they are of printable ASCII. */
function isWord(code: number): boolean {
  return code > 32 && code < 127;
}

/** The place after the first code unit at or after `from` that ends a word; -1 where there is none. */
export function endOfWord(text: string, from: number): number {
  for (let at = from; at < text.length; at++) if (!isWord(text.charCodeAt(at))) return at + 1;
  return -1;
}

/**
 * Where the word begins that goes on at `end`, not before `from`; `end` where none does. A URL goes on to the next
 * blank: its password may have characters that no other secret has.
 */
export function startOfLastWord(text: string, from: number, end: number): number {
  let start = end;
  while (start > from && isWord(text.charCodeAt(start - 1))) start--;
  let run = start;
  while (run > from && !BLANK.test(text.charAt(run - 1))) run--;
  return text.slice(run, end).includes("://") ? run : start;
}

const BLANK = /\s/;
