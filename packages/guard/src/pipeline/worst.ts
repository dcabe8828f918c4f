import type { StageRecord, TextVerdict } from "./types.ts";

/** How bad a verdict is; a higher one wins. A text that was blocked stays blocked, whatever failed beside it. */
function rank({ decision, admitted }: TextVerdict): number {
  if (decision === "block") return 4;
  if (decision === "error") return admitted ? 2 : 3;
  return decision === "flag" ? 1 : 0;
}

/** Which of two verdicts counts for both: the worse, or with the same decision the one with more probability. */
export function worse<V extends TextVerdict>(one: V, other: V): V {
  const difference = rank(other) - rank(one);
  if (difference !== 0) return difference > 0 ? other : one;
  return (other.probability ?? 0) > (one.probability ?? 0) ? other : one;
}

/** The records of several verdicts as one: the highest probability and the summed time of each stage. */
export function mergeRecords(lists: readonly (readonly StageRecord[])[]): StageRecord[] {
  const [first = [], ...rest] = lists;
  if (rest.length === 0) return [...first];
  const merged = new Map<string, StageRecord>();
  for (const record of lists.flat()) {
    const before = merged.get(record.stage);
    merged.set(record.stage, before === undefined ? record : add(before, record));
  }
  return [...merged.values()];
}

function add(one: StageRecord, other: StageRecord): StageRecord {
  const probability =
    one.probability === null || other.probability === null
      ? (one.probability ?? other.probability)
      : Math.max(one.probability, other.probability);
  return { stage: one.stage, probability, latencyMs: one.latencyMs + other.latencyMs };
}

/** The worst verdict, with the failures and records of all. @throws RangeError for none. */
export function worst<V extends TextVerdict>(verdicts: readonly V[]): V {
  const [first, ...rest] = verdicts;
  if (first === undefined) throw new RangeError("no verdicts");
  if (rest.length === 0) return first;
  return {
    ...rest.reduce(worse, first),
    failures: verdicts.flatMap(({ failures }) => failures),
    perStage: mergeRecords(verdicts.map(({ perStage }) => perStage)),
  };
}
