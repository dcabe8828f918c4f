import { Readable } from "node:stream";
import type { RunEvent } from "@crucible/contract";
import type { BusMessage, EventBus } from "../events/types.ts";
import type { NumberedEvent, RunReader } from "../store/types.ts";

/** One event as Server-Sent Events lines (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export function formatEvent(seq: number | null, event: RunEvent): string {
  return `${seq === null ? "" : `id: ${seq}\n`}event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** What a stream of one run's events needs. */
export interface EventStreamOptions {
  readonly runId: string;
  /** Stored events up to this number are known to the listener. */
  readonly afterSeq: number;
  /** Silence before a heartbeat, milliseconds. */
  readonly heartbeatMs: number;
  /** Unsent bytes at which the listener is dropped. */
  readonly bufferBytes: number;
  readonly bus: EventBus;
  readonly reader: RunReader;
}

/**
 * A run's events as text: first those stored after `afterSeq`, then the live ones, each stored event once; ends after
 * `run.finished`. Rejects when the stored events cannot be read. Gives null when the run is not there, and
 * `nothing_left` when it has finished and the listener knows all. A listener that reads too slowly is cut off.
 */
export async function openEventStream(options: EventStreamOptions): Promise<Readable | "nothing_left" | null> {
  const { runId, afterSeq, bus, reader, heartbeatMs, bufferBytes } = options;
  // Listen before reading what is stored, so that nothing falls between the two.
  const early: BusMessage[] = [];
  let receive = (message: BusMessage): void => {
    early.push(message);
  };
  const unsubscribe = bus.subscribe(runId, (message) => receive(message));
  let stored: NumberedEvent[];
  try {
    stored = await reader.eventsAfter(runId, afterSeq);
    if (stored.length === 0) {
      const run = await reader.getRun(runId);
      if (run === null || (run.status === "finished" && early.length === 0)) {
        unsubscribe();
        return run === null ? null : "nothing_left";
      }
    }
  } catch (error) {
    unsubscribe();
    throw error;
  }

  const stream = new Readable({ read() {} });
  const sent = new Set<number>();
  let last = afterSeq;
  let ended = false;
  let quiet = true;

  const push = (text: string): void => {
    stream.push(text);
    if (stream.readableLength > bufferBytes) stream.destroy(new Error("the listener reads too slowly"));
  };
  receive = ({ seq, event }) => {
    if (ended || stream.destroyed) return;
    if (seq !== null) {
      if (seq <= afterSeq || sent.has(seq)) return;
      sent.add(seq);
      last = Math.max(last, seq);
    }
    quiet = false;
    push(formatEvent(seq, event));
    if (event.type === "run.finished") end();
  };
  const end = (): void => {
    ended = true;
    stream.push(null);
  };
  /** A heartbeat on silence; it also fetches what a best-effort bus has lost. */
  const beat = (): void => {
    if (!quiet) quiet = true;
    else push(": still here\n\n");
    void reader.eventsAfter(runId, last).then(
      (missed) => missed.forEach((message) => receive(message)),
      () => {},
    );
  };
  const timer = setInterval(beat, heartbeatMs);
  stream.once("close", () => {
    clearInterval(timer);
    unsubscribe();
  });

  // Reconnect after 2 s; and something to send at once, so that the headers leave.
  push("retry: 2000\n\n");
  for (const message of stored) receive(message);
  for (const message of early) receive(message);
  return stream;
}
