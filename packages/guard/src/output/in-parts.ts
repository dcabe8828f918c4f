import type { Found, Inspect } from "./inspect.ts";

/** What is looked through at once, UTF-16 code units: some 50 ms at worst. */
const PART = 65_536;
/** How far a part begins behind the one before. What is shorter than the rest stands whole in one of them. */
const STEP = PART / 2;

/** A finding that has a place. */
type Located = Found & { readonly start: number; readonly end: number };

const isLocated = (found: Found): found is Located => found.start !== null && found.end !== null;

/** Looks through a text of any length, in parts that overlap; `giveWay` is called between them. */
export async function inspectInParts(text: string, inspect: Inspect, giveWay: () => Promise<void>): Promise<Found[]> {
  if (text.length <= PART) return inspect(text);
  const found: Found[] = [];
  for (let from = 0; ; from += STEP) {
    const isLast = from + PART >= text.length;
    for (const one of inspect(text.slice(from, from + PART))) {
      if (!isLocated(one)) found.push(one);
      // Cut off on the left, or not what it looks like: the part before has seen it.
      else if (from === 0 || one.start > 0) found.push(placed(one, from, isLast));
    }
    if (isLast) return merged(found);
    await giveWay();
  }
}

function placed(one: Located, from: number, isLast: boolean): Found {
  // The next part does not see its beginning: where it ends is not known.
  const isEndless = !isLast && one.end === PART && one.start < STEP;
  const action = isEndless && one.action === "redact" ? "block" : one.action;
  return { ...one, action, start: from + one.start, end: from + one.end };
}

/** Each finding once, as far as any part has seen of it. */
function merged(found: readonly Found[]): Found[] {
  const apart: Found[] = found.filter((one) => !isLocated(one));
  const byCheck = Map.groupBy(found.filter(isLocated), ({ check }) => check);
  for (const of of byCheck.values()) {
    const kept: Located[] = [];
    for (const one of of.toSorted((a, b) => a.start - b.start)) {
      const last = kept.at(-1);
      if (last === undefined || one.start >= last.end) kept.push(one);
      else kept.splice(-1, 1, { ...last, action: stronger(last, one), end: Math.max(last.end, one.end) });
    }
    apart.push(...kept);
  }
  return apart;
}

function stronger(one: Found, other: Found): Found["action"] {
  return one.action === "block" || other.action === "block" ? "block" : one.action;
}
