import type { Isolate, IsolateFailure } from "./isolate.ts";

/** What a spare process is good for: two runs of the same class can have the same process. */
export interface SpareClass {
  readonly key: string;
  /** @param signal ends the process, should it not be wanted any more. */
  start(signal?: AbortSignal): Promise<Isolate | IsolateFailure>;
}

/** Started processes, each used once. */
export interface Spares {
  /** A waiting process of this class, or a new one. */
  take(wanted: SpareClass, signal?: AbortSignal): Promise<Isolate | IsolateFailure>;
  /** Starts one for the next run of this class, in the background. */
  refill(wanted: SpareClass): void;
  close(): Promise<void>;
}

/** What comes of `work`, or null once the signal is aborted. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T | null> {
  if (signal === undefined) return await work;
  const { promise: aborted, resolve } = Promise.withResolvers<null>();
  const onAbort = (): void => resolve(null);
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** @param max waiting at the same time over all classes; the class that was asked for longest ago goes first. */
export function createSpares(max: number): Spares {
  /** In the order in which they were made. */
  const waiting: { readonly key: string; readonly isolate: Isolate }[] = [];
  const starting = new Map<string, { isClaimed: boolean; readonly started: Promise<Isolate | IsolateFailure> }>();
  const closing = new Set<Promise<void>>();
  let closed = false;

  const drop = (isolate: Isolate): void => {
    const gone = isolate.close().catch(() => undefined);
    closing.add(gone);
    void gone.then(() => closing.delete(gone));
  };
  const keep = (key: string, isolate: Isolate): void => {
    if (closed) return drop(isolate);
    waiting.push({ key, isolate });
    while (waiting.length > max) {
      const oldest = waiting.shift();
      if (oldest !== undefined) drop(oldest.isolate);
    }
  };
  return {
    take: async (wanted, signal) => {
      for (;;) {
        const index = waiting.findIndex(({ key }) => key === wanted.key);
        const [found] = index === -1 ? [] : waiting.splice(index, 1);
        if (found === undefined) {
          const coming = starting.get(wanted.key);
          if (coming === undefined || coming.isClaimed) return await wanted.start(signal);
          coming.isClaimed = true;
          const isolate = await unlessAborted(coming.started, signal);
          if (isolate === null) {
            coming.isClaimed = false;
            return { failure: "cancelled" };
          }
          return "failure" in isolate ? await wanted.start(signal) : isolate;
        }
        // It may have been ended from outside while it waited.
        if (!found.isolate.child.hasEnded) return found.isolate;
        drop(found.isolate);
      }
    },
    refill: (wanted) => {
      // More than may wait are not started, however many classes are asked for at once.
      if (
        closed ||
        max === 0 ||
        starting.size > max ||
        starting.has(wanted.key) ||
        waiting.some(({ key }) => key === wanted.key)
      )
        return;
      const one = { isClaimed: false, started: wanted.start() };
      starting.set(wanted.key, one);
      void one.started.then((isolate) => {
        starting.delete(wanted.key);
        if (!("failure" in isolate) && !one.isClaimed) keep(wanted.key, isolate);
      });
    },
    close: async () => {
      closed = true;
      for (const { isolate } of waiting.splice(0)) drop(isolate);
      await Promise.all([...starting.values()].map(({ started }) => started));
      await Promise.all(closing);
    },
  };
}
