/** Numbered places for runs at the same time; each has its own host uid and pipes. */
export interface Slots {
  /**
   * Waits for a free slot. Rejects with the signal's reason when aborted.
   * @param rank the free slot with the highest is taken; default: they are all alike.
   */
  take(signal?: AbortSignal, rank?: (slot: number) => number): Promise<number>;
  /** The run in it is over, and another may begin in another slot; this one is not ready yet. */
  leave(slot: number): void;
  /** Free again. */
  give(slot: number): void;
  /** Never gives this slot out again; when none is left, everybody who waits or comes gets `error`. */
  retire(slot: number, error: Error): void;
  /** Slots with a run in them. */
  readonly busy: number;
}

interface Waiter {
  readonly rank: (slot: number) => number;
  onSlot(given: number | Error): void;
}

/** @param atOnce runs at the same time; with more slots than that, some get ready meanwhile. */
export function createSlots(count: number, atOnce = count): Slots {
  // Of slots that are alike the one given back last is taken: its pipes and uid are warm in the kernel's caches.
  const free = Array.from({ length: count }, (_, index) => count - 1 - index);
  const running = new Set<number>();
  const waiting: Waiter[] = [];
  let retired = 0;
  let exhausted: Error | null = null;
  const isFree = (): boolean => free.length > 0 && running.size < atOnce;
  const takeFree = (rank: (slot: number) => number): number => {
    const slot = takeBest(free, rank);
    running.add(slot);
    return slot;
  };
  const serve = (): void => {
    while (isFree()) {
      const next = waiting.shift();
      if (next === undefined) return;
      next.onSlot(takeFree(next.rank));
    }
  };
  return {
    take: (signal, rank = () => 0) => {
      signal?.throwIfAborted();
      if (exhausted !== null) throw exhausted;
      if (isFree()) return Promise.resolve(takeFree(rank));
      return new Promise((resolve, reject) => {
        const onSlot = (given: number | Error): void => {
          signal?.removeEventListener("abort", onAbort);
          if (given instanceof Error) reject(given);
          else resolve(given);
        };
        const waiter = { rank, onSlot };
        const onAbort = (): void => {
          waiting.splice(waiting.indexOf(waiter), 1);
          reject(signal?.reason as Error);
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        waiting.push(waiter);
      });
    },
    leave: (slot) => {
      running.delete(slot);
      serve();
    },
    give: (slot) => {
      running.delete(slot);
      free.push(slot);
      serve();
    },
    retire: (slot, error) => {
      running.delete(slot);
      retired += 1;
      if (retired < count) return serve();
      exhausted = error;
      for (const next of waiting.splice(0)) next.onSlot(error);
    },
    get busy() {
      return running.size;
    },
  };
}

function takeBest(free: number[], rank: (slot: number) => number): number {
  let best = free.length - 1;
  let highest = -Infinity;
  for (let index = free.length - 1; index >= 0; index -= 1) {
    const one = rank(free[index] as number);
    if (one <= highest) continue;
    highest = one;
    best = index;
  }
  return free.splice(best, 1)[0] as number;
}
