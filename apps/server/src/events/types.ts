import type { RunEvent } from "@crucible/contract";

/** A run event on its way to listeners; `seq` is null for output, which is not stored. */
export interface BusMessage {
  readonly seq: number | null;
  readonly event: RunEvent;
}

/** Fan-out to live listeners. In-process when embedded; Redis later. Delivery is best effort: the table is the truth, and `seq` the order when several processes take part. */
export interface EventBus {
  publish(message: BusMessage): void;
  /**
   * Listens to one run, or to all with `*`. Returns the function that stops it.
   * The output that a running run has printed so far comes first, before `subscribe` returns (not with `*`).
   */
  subscribe(runId: string, listener: (message: BusMessage) => void): () => void;
}
