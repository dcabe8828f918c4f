import type { WindowPolicy } from "../policy/types.ts";

/** Cuts a text into windows that overlap; a short text is one window. No pair of surrogates is cut. */
export function* windowsOf(text: string, { size, overlap }: WindowPolicy): Generator<string> {
  for (let from = 0; ; from += size - overlap) {
    yield text.slice(
      isPairAt(text, from) ? from - 1 : from,
      isPairAt(text, from + size) ? from + size + 1 : from + size,
    );
    if (from + size >= text.length) return;
  }
}

/** Whether a cut here would part two halves of one character. */
function isPairAt(text: string, index: number): boolean {
  return index > 0 && (text.codePointAt(index - 1) ?? 0) > 0xffff;
}
