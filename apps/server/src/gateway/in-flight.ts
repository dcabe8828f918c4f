import { ApiError } from "@crucible/contract";

/** Requests that have no whole answer yet. */
export interface InFlight {
  /** Takes a request in; call what it gives when it has its answer. @throws ApiError `shutting_down` */
  enter(abort: AbortController): () => void;
  /**
   * Takes no more, waits for those that are in, and ends those that are not done in this time: with an error, where
   * they can still be told.
   */
  drain(ms: number): Promise<void>;
}

/** Counts requests, so that a server that stops lets them end. */
export function createInFlight(): InFlight {
  const open = new Set<AbortController>();
  let isClosing = false;
  let onEmpty = (): void => {};
  const stopping = (): ApiError => new ApiError("shutting_down", "the server is stopping and takes no new work");
  return {
    enter: (abort) => {
      if (isClosing) throw stopping();
      open.add(abort);
      return () => {
        open.delete(abort);
        if (open.size === 0) onEmpty();
      };
    },
    drain: async (ms) => {
      isClosing = true;
      if (open.size === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      onEmpty = resolve;
      const timer = setTimeout(() => {
        for (const abort of open) abort.abort(stopping());
      }, ms);
      await promise;
      clearTimeout(timer);
    },
  };
}
