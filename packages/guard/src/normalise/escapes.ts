import type { Undone } from "./types.ts";

const NAMED: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'", nbsp: " " };

const isPlain = (text: string): boolean => /^[\w\s.,:;!?'"-]+$/.test(text);

function fromCode(code: number): string {
  return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : " ";
}

/**
 * Resolves URL, HTML, and Unicode escapes in place, once. Only escapes of characters that need none count as a
 * trick: `%20` in an address and `&amp;` in a page are ordinary.
 */
export function resolveEscapes(input: string, undone: Undone): string {
  let text = input;
  if (/%[0-9a-fA-F]{2}/.test(text)) {
    text = text.replace(/(?:%[0-9a-fA-F]{2})+/g, (run) => {
      const decoded = Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8");
      if (decoded.includes("\ufffd")) return run;
      for (const char of decoded) if (/\w/.test(char)) undone.url++;
      return decoded;
    });
  }
  if (/&(?:#|[a-z]{2,4};)/i.test(text)) {
    text = text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{2,4}));/g, (all, dec, hex, name) => {
      if (typeof name === "string") return NAMED[name] ?? all;
      const char = fromCode(typeof dec === "string" ? Number(dec) : Number.parseInt(String(hex), 16));
      if (/\w/.test(char)) undone.html++;
      return char;
    });
  }
  if (/\\[uUxX]|U\+/.test(text)) {
    text = text.replace(
      /\\[uU]\{([0-9a-fA-F]{1,6})\}|\\[uU]([0-9a-fA-F]{4})|\\[xX]([0-9a-fA-F]{2})|U\+([0-9a-fA-F]{4,6})[ ,]?/g,
      (_all, braced, four, two, plus) => {
        const char = fromCode(Number.parseInt(String(braced ?? four ?? two ?? plus), 16));
        if (isPlain(char)) undone.escape++;
        return char;
      },
    );
  }
  return text;
}
