import { argumentText } from "../pipeline/strings.ts";

/** JSON in JSON in JSON: deeper nobody reads it. */
const MOST_LEVELS = 4;

/** Escapes of JSON strings (RFC 8259, 7), wherever they stand. */
const ESCAPES = /\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))/g;
const MEANT: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

/**
 * What the arguments of a call may mean to whoever reads them, other than as they stand: their strings; and, as long
 * as there are any, with the escapes undone that are left. Escapes are left where a string holds JSON, and in what a
 * strict parser refuses or drops, such as a key that comes twice or words behind the end, and lenient ones take.
 */
export function meaningsOf(text: string): string[] {
  const meanings: string[] = [];
  const strings = argumentText(text);
  if (strings !== text) meanings.push(strings);
  let last = strings;
  for (let level = 0; level < MOST_LEVELS; level++) {
    const next = unescaped(last);
    if (next === last) break;
    meanings.push(next);
    last = next;
  }
  return meanings;
}

function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replaceAll(ESCAPES, (_, code: string | undefined, letter: string) =>
    code === undefined ? (MEANT[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
