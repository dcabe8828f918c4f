import { type BreakerSettings, type BreakerState, createBreaker } from "../breaker/breaker.ts";
import { StageError } from "../pipeline/errors.ts";
import type { Clock } from "../pipeline/types.ts";
import type { ScreenOptions, Stage, StageScore } from "../stage.ts";
import type { BreakerStats } from "./types.ts";

/** A stage behind a breaker. */
export interface BrokenStage extends Stage {
  screen: (text: string, options?: ScreenOptions) => Promise<StageScore>;
  stats(): BreakerStats;
}

/** Codes of errors that say something about the text or the load, and nothing about the stage. */
const NOT_ITS_FAULT = new Set(["queue_full", "late", "text_too_long"]);

/**
 * Keeps texts away from a stage that fails again and again: they fail at once, instead of each waiting for its deadline.
 * What the stage throws is a failure, and so is what is no probability. A full queue, a text that is too long or took
 * too long among others, and a caller who went are none: else one client could shut the stage for all the others.
 *
 * The stage must settle in the end, also when its signal was aborted.
 */
export function withBreaker(
  stage: Stage,
  settings: BreakerSettings,
  clock: Clock,
  onChange: (state: BreakerState) => void,
): BrokenStage {
  let opened = 0;
  let refused = 0;
  const breaker = createBreaker(settings, clock, (state) => {
    if (state === "open") opened++;
    onChange(state);
  });
  return {
    name: stage.name,
    version: stage.version,
    screen: async (text, options = {}) => {
      const permit = breaker.enter();
      if (permit === null) {
        refused++;
        throw new StageError("stage_open", `it failed too often; the next try is in ${Math.ceil(breaker.waitMs())} ms`);
      }
      try {
        const score = await stage.screen(text, options);
        if (score.probability >= 0 && score.probability <= 1) permit.succeeded();
        else permit.failed();
        return score;
      } catch (error) {
        const { signal } = options;
        const isCaller = signal?.aborted === true && error === signal.reason;
        if (isCaller || NOT_ITS_FAULT.has(codeOf(error))) permit.forgotten();
        else permit.failed();
        throw error;
      }
    },
    stats: () => ({ state: breaker.state(), waitMs: breaker.waitMs(), opened, refused }),
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
