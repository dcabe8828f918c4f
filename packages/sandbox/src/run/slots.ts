/** Numbered places for runs at the same time; each has its own host uid and pipes. */
export interface Slots {
  /**
   * Waits for a free slot. Rejects with the signal's reason when aborted.
   * @param rank the free slot with the highest is taken; default: they are all alike.
   */
  take(signal?: AbortSignal, rank?: (slot: number) => number): Promise<number>;
  give(slot: number): void;
  /** Never gives this slot out again; when none is left, everybody who waits or comes gets `error`. */
  retire(error: Error): void;
  readonly busy: number;
}

export function createSlots(count: number): Slots {
  // Of slots that are alike the one given back last is taken: its pipes and uid are warm in the kernel's caches.
  const free = Array.from({ length: count }, (_, index) => count - 1 - index);
  const waiting: ((slot: number | Error) => void)[] = [];
  let retired = 0;
  let exhausted: Error | null = null;
  return {
    take: (signal, rank = () => 0) => {
      signal?.throwIfAborted();
      if (exhausted !== null) throw exhausted;
      if (free.length > 0) return Promise.resolve(takeBest(free, rank));
      return new Promise((resolve, reject) => {
        const onSlot = (given: number | Error): void => {
          signal?.removeEventListener("abort", onAbort);
          if (given instanceof Error) reject(given);
          else resolve(given);
        };
        const onAbort = (): void => {
          waiting.splice(waiting.indexOf(onSlot), 1);
          reject(signal?.reason as Error);
        };
        signal?.addEventListener("abort", onAbort, { once: true });
        waiting.push(onSlot);
      });
    },
    give: (slot) => {
      const next = waiting.shift();
      if (next === undefined) free.push(slot);
      else next(slot);
    },
    retire: (error) => {
      retired += 1;
      if (retired < count) return;
      exhausted = error;
      for (const next of waiting.splice(0)) next(error);
    },
    get busy() {
      return count - retired - free.length;
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
