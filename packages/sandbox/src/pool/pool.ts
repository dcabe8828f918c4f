/** Something made ready before it is needed, for one use. */
export interface Prepared {
  /** False once it cannot be used any more: it is then destroyed and never handed out. */
  readonly isHealthy: boolean;
  destroy(): Promise<void>;
}

export interface PoolOptions<T extends Prepared> {
  /** Makes one for a class of requests. A rejection is a failed preparation: nothing is handed out for it. */
  readonly prepare: (key: string) => Promise<T>;
  /** Kept ready or being made at most, over all classes: bounds memory. */
  readonly most: number;
  /** Made at the same time at most. Default: 1, so that preparing does not crowd out what runs. */
  readonly parallel?: number;
  /** Making the next waits this long after one was taken, so that it does not slow down its use. Default: 25 ms. */
  readonly settleMs?: number;
  /** A class that nobody asked for in this time keeps nothing ready, milliseconds. Default: one minute. */
  readonly idleMs?: number;
}

/**
 * Keeps prepared things per class of requests, sized by demand: a class begins with one, gets one more for each time
 * that it was asked for and had none, and loses all when nobody asks. Each is handed out once.
 */
export interface Pool<T extends Prepared> extends AsyncDisposable {
  /** One for the caller alone, who destroys it; null when there is none yet. Makes the next in the background. */
  take(key: string): T | null;
  /** Ready now, over all classes. */
  readonly ready: number;
  /** Destroys what is ready and waits for what is being made; `take` gives null from then on. */
  close(): Promise<void>;
}

interface Class<T> {
  readonly key: string;
  readonly spares: T[];
  preparing: number;
  wanted: number;
  askedAt: number;
}

const DEFAULT_IDLE_MS = 60_000;
const DEFAULT_SETTLE_MS = 25;
/** After so many failures in a row nothing is tried for a while: what is broken would only burn time. */
const MOST_FAILURES = 3;
const PAUSE_MS = 60_000;

export function createPool<T extends Prepared>(options: PoolOptions<T>): Pool<T> {
  const { prepare, most, parallel = 1, settleMs = DEFAULT_SETTLE_MS, idleMs = DEFAULT_IDLE_MS } = options;
  const classes = new Map<string, Class<T>>();
  const working = new Set<Promise<unknown>>();
  let failures = 0;
  let pausedUntil = 0;
  let closed = false;
  let settling: NodeJS.Timeout | undefined;

  const background = (work: Promise<unknown>): void => {
    const tracked = work.catch(() => undefined).finally(() => working.delete(tracked));
    working.add(tracked);
  };
  const count = (of: (one: Class<T>) => number): number => [...classes.values()].reduce((sum, one) => sum + of(one), 0);
  const isShort = (one: Class<T>): boolean => one.spares.length + one.preparing < one.wanted;
  const byAge = (): Class<T>[] => [...classes.values()].toSorted((a, b) => a.askedAt - b.askedAt);

  const makeOne = async (one: Class<T>): Promise<void> => {
    one.preparing += 1;
    try {
      const made = await prepare(one.key);
      failures = 0;
      if (closed || one.wanted === 0 || !made.isHealthy) await made.destroy();
      else one.spares.push(made);
    } catch {
      failures += 1;
      if (failures >= MOST_FAILURES) pausedUntil = performance.now() + PAUSE_MS;
    } finally {
      one.preparing -= 1;
    }
    refill();
  };

  /** Makes room by giving up the spare of the class that was asked for longest ago. */
  const makeRoom = (younger: Class<T>): boolean => {
    const oldest = byAge().find((one) => one !== younger && one.spares.length > 0 && one.askedAt < younger.askedAt);
    const spare = oldest?.spares.shift();
    if (oldest === undefined || spare === undefined) return false;
    oldest.wanted -= 1;
    background(spare.destroy());
    return true;
  };

  function refill(): void {
    for (const one of byAge().toReversed()) {
      while (!closed && isShort(one) && performance.now() >= pausedUntil && count((c) => c.preparing) < parallel) {
        if (count((c) => c.spares.length + c.preparing) >= most && !makeRoom(one)) break;
        background(makeOne(one));
      }
    }
  }

  const forgetIdle = (): void => {
    for (const one of classes.values()) {
      if (performance.now() - one.askedAt < idleMs) continue;
      one.wanted = 0;
      for (const spare of one.spares.splice(0)) background(spare.destroy());
      if (one.preparing === 0) classes.delete(one.key);
    }
  };
  const timer = setInterval(forgetIdle, Math.max(10, idleMs / 4));
  timer.unref();

  return {
    take: (key) => {
      if (closed || most === 0) return null;
      const one = classes.get(key) ?? { key, spares: [], preparing: 0, wanted: 0, askedAt: 0 };
      classes.set(key, one);
      one.askedAt = performance.now();
      let found: T | null = null;
      for (let spare = one.spares.shift(); found === null && spare !== undefined;) {
        if (spare.isHealthy) found = spare;
        else {
          background(spare.destroy());
          spare = one.spares.shift();
        }
      }
      if (found === null) one.wanted = Math.min(most, one.wanted + 1);
      settling ??= setTimeout(() => {
        settling = undefined;
        refill();
      }, settleMs);
      settling.unref();
      return found;
    },
    get ready() {
      return count((one) => one.spares.length);
    },
    close: async () => {
      closed = true;
      clearInterval(timer);
      clearTimeout(settling);
      for (const one of classes.values()) {
        for (const spare of one.spares.splice(0)) background(spare.destroy());
      }
      while (working.size > 0) await Promise.all(working);
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
  };
}
