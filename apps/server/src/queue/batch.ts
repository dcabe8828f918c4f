/**
 * Collects calls that arrive while one batch is being worked on into the next batch: alone a call goes at
 * once, under load many share a transaction. Never more than one batch at a time.
 *
 * `work` returns one result per item, in order; what it throws, every caller of that batch gets.
 */
export function createBatch<T, R>(
  work: (items: readonly T[]) => Promise<readonly R[]>,
  atMost: number,
): (item: T) => Promise<R> {
  interface Waiting {
    readonly item: T;
    readonly resolve: (result: R) => void;
    readonly reject: (error: unknown) => void;
  }
  const waiting: Waiting[] = [];
  let working = false;

  const drain = async (): Promise<void> => {
    working = true;
    // Calls of the same turn of the event loop come along.
    await Promise.resolve();
    while (waiting.length > 0) {
      const batch = waiting.splice(0, atMost);
      try {
        const results = await work(batch.map((call) => call.item));
        batch.forEach((call, index) => call.resolve(results[index] as R));
      } catch (error) {
        for (const call of batch) call.reject(error);
      }
    }
    working = false;
  };

  return (item) =>
    new Promise<R>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!working) void drain();
    });
}
