import type { Clock } from "../pipeline/types.ts";

/** Calls go through; none does; one at a time goes, to find out whether it works again. */
export type BreakerState = "closed" | "open" | "half_open";

/** When a breaker opens, and for how long. */
export interface BreakerSettings {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** How long it stays open before a call may try again. */
  readonly openMs: number;
  /** Each probe that fails doubles the time, up to this. */
  readonly maxOpenMs: number;
}

/** Leave to make one call. Exactly one of the three is called, once; later calls change nothing. */
export interface Permit {
  succeeded(): void;
  failed(): void;
  /** The call says nothing about the other side: the caller left before there was an answer. */
  forgotten(): void;
}

/** Keeps calls away from something that is broken, and finds out when it is not. */
export interface Breaker {
  /** Null while it is open, and while another call is the probe. */
  enter(): Permit | null;
  state(): BreakerState;
  /** How long until a call may try; 0 when one may now. Milliseconds. */
  waitMs(): number;
}

/** Used where nothing else is said. */
export const DEFAULT_BREAKER = { failures: 5, openMs: 5_000, maxOpenMs: 60_000 } as const satisfies BreakerSettings;

/**
 * A breaker with no timer of its own: it reads the clock when it is asked. `onChange` hears of each new state, at the
 * call that brings it about.
 */
export function createBreaker(
  settings: BreakerSettings,
  clock: Clock,
  onChange: (state: BreakerState) => void = () => {},
): Breaker {
  let state: BreakerState = "closed";
  let failuresInARow = 0;
  let openUntilMs = 0;
  let openMs = settings.openMs;
  let isProbing = false;
  // Calls that began before the last change of state say nothing about the time after it.
  let era = 0;

  const become = (next: BreakerState): void => {
    state = next;
    era++;
    onChange(next);
  };
  const open = (): void => {
    openUntilMs = clock.now() + openMs;
    isProbing = false;
    become("open");
  };
  const close = (): void => {
    failuresInARow = 0;
    openMs = settings.openMs;
    isProbing = false;
    become("closed");
  };
  const permit = (): Permit => {
    const born = era;
    let isSettled = false;
    const settle = (act: () => void) => () => {
      if (isSettled) return;
      isSettled = true;
      if (born === era) act();
    };
    return {
      succeeded: settle(() => (state === "half_open" ? close() : (failuresInARow = 0))),
      failed: settle(() => {
        if (state === "half_open") {
          openMs = Math.min(openMs * 2, settings.maxOpenMs);
          open();
        } else if (++failuresInARow >= settings.failures) open();
      }),
      forgotten: settle(() => (isProbing = false)),
    };
  };

  return {
    enter: () => {
      if (state === "open" && clock.now() >= openUntilMs) become("half_open");
      if (state === "open" || (state === "half_open" && isProbing)) return null;
      if (state === "half_open") isProbing = true;
      return permit();
    },
    state: () => state,
    waitMs: () => (state === "open" ? Math.max(0, openUntilMs - clock.now()) : 0),
  };
}
