/** Numbered places for runs at the same time; each has its own host uid and pipes. */
export interface Slots {
  /** Waits for a free slot. Rejects with the signal's reason when aborted. */
  take(signal?: AbortSignal): Promise<number>;
  give(slot: number): void;
  readonly busy: number;
}

export function createSlots(count: number): Slots {
  // The slot given back last is taken first: its pipes and uid are warm in the kernel's caches.
  const free = Array.from({ length: count }, (_, index) => count - 1 - index);
  const waiting: ((slot: number) => void)[] = [];
  return {
    take: (signal) => {
      signal?.throwIfAborted();
      const slot = free.pop();
      if (slot !== undefined) return Promise.resolve(slot);
      return new Promise((resolve, reject) => {
        const onSlot = (given: number): void => {
          signal?.removeEventListener("abort", onAbort);
          resolve(given);
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
    get busy() {
      return count - free.length;
    },
  };
}
