import { Readable } from "node:stream";
import type { TerminalEvent } from "@crucible/contract";
import { createOutputGather } from "../executor/gather-output.ts";
import { fromBytes } from "./bytes.ts";

/** Output in one event: a reader needs no more memory for any of them. */
const EVENT_BYTES = 64 * 1024;

export interface TerminalStreamOptions {
  /** Silence before a comment, milliseconds: a connection that has broken is noticed when something is sent. */
  readonly heartbeatMs: number;
  /** So many bytes of output have gone on their way to the reader. */
  readonly onTaken: (bytes: number) => void;
}

/** What a terminal tells, as Server-Sent Events. Owns its timer until `end` or the stream is closed. */
export interface TerminalStream {
  readonly stream: Readable;
  opened(terminal: string): void;
  output(bytes: Uint8Array): void;
  /** What is left of the output, and the last event. */
  end(last: TerminalEvent): void;
}

/** Output that a slow reader has not taken waits here, and is not said to be taken: then the program waits. */
export function createTerminalStream({ heartbeatMs, onTaken }: TerminalStreamOptions): TerminalStream {
  const gather = createOutputGather();
  /** Of what was gathered, not yet said. */
  let rest: Uint8Array = new Uint8Array();
  let isOpened = false;
  let isWanted = false;
  let quiet = true;
  const say = (event: TerminalEvent): boolean => {
    quiet = false;
    return stream.push(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  };
  /** As much as the reader wants, or all of it. */
  const flush = (all = false): void => {
    if (!isOpened || (!isWanted && !all)) return;
    for (const { bytes } of gather.take()) rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (rest.length > 0 && (isWanted || all)) {
      const part = rest.subarray(0, EVENT_BYTES);
      rest = rest.subarray(EVENT_BYTES);
      isWanted = say({ type: "output", ...fromBytes(part) });
      onTaken(part.length);
    }
  };
  const stream = new Readable({
    read: () => {
      isWanted = true;
      flush();
    },
  });
  const heartbeat = setInterval(() => {
    if (quiet && stream.readableLength === 0) stream.push(": still here\n\n");
    quiet = true;
  }, heartbeatMs);
  stream.once("close", () => clearInterval(heartbeat));
  return {
    stream,
    opened: (terminal) => {
      if (stream.destroyed) return;
      isWanted = say({ type: "opened", terminal });
      isOpened = true;
      flush();
    },
    output: (bytes) => {
      if (stream.destroyed) return;
      gather.add("stdout", bytes);
      flush();
    },
    end: (last) => {
      clearInterval(heartbeat);
      if (stream.destroyed) return;
      isOpened = true;
      flush(true);
      say(last);
      stream.push(null);
    },
  };
}
