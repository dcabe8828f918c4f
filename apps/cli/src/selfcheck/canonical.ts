import { createHash } from "node:crypto";

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** JSON without spaces, with the keys of every object sorted by code unit: the same content gives the same text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => compare(a, b)))
      : inner,
  );
}

/** Hexadecimal, of the UTF-8 bytes. */
export function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** The hash of a report: of its canonical JSON without the field `sha256`. */
export function reportHash(report: object): string {
  const { sha256: _, ...content } = report as { sha256?: unknown };
  return sha256(canonicalJson(content));
}
