import { assignmentFormat } from "./assignment.ts";
import { type SecretFormat, secretFormats } from "./formats.ts";

/** A secret in a text. */
export interface FoundSecret {
  readonly kind: string;
  /** UTF-16 code units. */
  readonly start: number;
  readonly end: number;
}

/** Finds secrets, in the order of their places; none overlap. Linear in the text but for sorting what it found. */
export type FindSecrets = (text: string) => readonly FoundSecret[];

/** Builds a finder, with its expressions. */
export function createFindSecrets(): FindSecrets {
  // The assignment comes last: what has a format of its own is named by it.
  const formats = [...secretFormats(), assignmentFormat()];
  return (text) => {
    const found: (FoundSecret & { readonly rank: number })[] = [];
    for (const [rank, format] of formats.entries()) {
      if (!format.hints.some((hint) => text.includes(hint))) continue;
      for (const secret of matchesOf(text, format)) found.push({ ...secret, rank });
    }
    if (found.length < 2) return found.map(({ kind, start, end }) => ({ kind, start, end }));
    found.sort((one, other) => one.start - other.start);
    const apart: typeof found = [];
    for (const one of found) {
      const last = apart.at(-1);
      if (last === undefined || one.start >= last.end) apart.push(one);
      else apart.splice(-1, 1, union(last, one));
    }
    return apart.map(({ kind, start, end }) => ({ kind, start, end }));
  };
}

function union<Ranked extends FoundSecret & { readonly rank: number }>(one: Ranked, other: Ranked): Ranked {
  const named = one.rank <= other.rank ? one : other;
  return { ...named, start: one.start, end: Math.max(one.end, other.end) };
}

function* matchesOf(text: string, { kind, pattern, accepts }: SecretFormat): Generator<FoundSecret> {
  for (const match of text.matchAll(pattern)) {
    const [start, end] = match.indices?.[1] ?? [0, 0];
    if (accepts(match[1] ?? "", match[0])) yield { kind, start, end };
  }
}
