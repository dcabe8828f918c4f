import { setImmediate } from "node:timers/promises";
import type { VerdictCache } from "../cache/types.ts";
import type { Policy } from "../policy/types.ts";
import type { Evidence } from "../stage.ts";
import type { Cascade, Run } from "./cascade.ts";
import type { Clock, PlaceVerdict, TextVerdict } from "./types.ts";
import { windowsOf } from "./windows.ts";
import { worst } from "./worst.ts";

/** Other requests wait no longer than this for a long text of one. */
const YIELD_MS = 10;
/** Longest piece of evidence; an n-gram has no length of its own. */
const MAX_EVIDENCE = 200;

/** What screening one text needs. */
export interface TextScreening {
  readonly policy: Policy;
  readonly cascade: Cascade;
  readonly cache: VerdictCache | undefined;
  readonly keyOf: (text: string) => string;
  readonly clock: Clock;
}

/** Screens one place: from the cache, or window by window until one is blocked. */
export type ScreenPlace = (place: { readonly path: string; readonly text: string }, run: Run) => Promise<PlaceVerdict>;

/** Builds the function for one screening; it gives way to other work when that takes long. */
export function createScreenPlace({ policy, cascade, cache, keyOf, clock }: TextScreening): ScreenPlace {
  let resumedAt = clock.now();
  const giveWay = async ({ signal }: Run): Promise<void> => {
    if (clock.now() - resumedAt > YIELD_MS) {
      await setImmediate();
      resumedAt = clock.now();
    }
    signal?.throwIfAborted();
  };
  return async ({ path, text }, run) => {
    await giveWay(run);
    const key = cache === undefined ? "" : keyOf(text);
    const kept = await fromCache(cache, key);
    if (kept !== undefined) return { ...kept, path, cached: true };
    const verdicts: TextVerdict[] = [];
    for (const window of windowsOf(text, policy.window)) {
      if (verdicts.length > 0) await giveWay(run);
      const verdict = await cascade(window, run);
      verdicts.push(verdict);
      if (verdict.decision === "block" || isClosedError(verdict)) break;
    }
    const found = worst(verdicts);
    const verdict = found.evidence.length === 0 ? found : { ...found, evidence: found.evidence.map(compact) };
    // A failure is of the moment: the next screening of this text asks again.
    if (cache !== undefined && verdict.decision !== "error" && verdict.failures.length === 0) {
      await cache.set(key, atRest(verdict)).catch(() => undefined);
    }
    return { ...verdict, path, cached: false };
  };
}

/** More windows cannot help: the text will not pass. */
function isClosedError({ decision, admitted }: TextVerdict): boolean {
  return decision === "error" && !admitted;
}

async function fromCache(cache: VerdictCache | undefined, key: string): Promise<TextVerdict | undefined> {
  if (cache === undefined) return undefined;
  try {
    const kept = await cache.get(key);
    return kept === undefined || kept.decision === "error" ? undefined : kept;
  } catch {
    // A cache that is down makes screening slower, not weaker.
    return undefined;
  }
}

/** A verdict as it is kept: it cost no time when it is found again. */
function atRest(verdict: TextVerdict): TextVerdict {
  return { ...verdict, perStage: verdict.perStage.map((record) => ({ ...record, latencyMs: 0 })) };
}

/** Cut, and copied: a slice of a string keeps all of the string in memory. */
function compact(evidence: Evidence): Evidence {
  return { ...evidence, text: Buffer.from(evidence.text.slice(0, MAX_EVIDENCE)).toString() };
}
