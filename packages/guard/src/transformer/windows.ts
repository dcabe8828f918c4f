/** A stretch of the tokens of a text. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

/** Windows that cover all tokens; each begins `stride` behind the one before. A text without tokens is one window. */
export function spansOf(tokens: number, size: number, stride: number): Span[] {
  const spans: Span[] = [];
  for (let offset = 0; ; offset += stride) {
    spans.push({ offset, length: Math.min(size, tokens - offset) });
    if (offset + size >= tokens) return spans;
  }
}

/**
 * Windows of like length together, at most `mostTokens` with the padding to the longest of each batch (one window may
 * have more), so that little is computed for padding.
 */
export function batchesOf<W extends { readonly span: Span }>(windows: readonly W[], mostTokens: number): W[][] {
  const batches: W[][] = [];
  let batch: W[] = [];
  for (const window of windows.toSorted((a, b) => b.span.length - a.span.length)) {
    const longest = batch[0]?.span.length ?? 0;
    const isAlike = window.span.length * 2 >= longest;
    if (batch.length === 0 || !isAlike || longest * (batch.length + 1) > mostTokens) {
      batch = [];
      batches.push(batch);
    }
    batch.push(window);
  }
  return batches;
}
