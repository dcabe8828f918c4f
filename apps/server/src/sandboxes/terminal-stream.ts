import { Readable } from "node:stream";
import type { TerminalEvent } from "@crucible/contract";
import { createOutputGather } from "../executor/gather-output.ts";
import { fromBytes } from "./bytes.ts";

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
  let isOpened = false;
  let isWanted = false;
  let quiet = true;
  const say = (event: TerminalEvent): boolean => {
    quiet = false;
    return stream.push(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  };
  const flush = (): void => {
    if (!isOpened) return;
    for (const { bytes } of gather.take()) {
      isWanted = say({ type: "output", ...fromBytes(bytes) });
      onTaken(bytes.length);
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
      if (isWanted) flush();
    },
    output: (bytes) => {
      if (stream.destroyed) return;
      gather.add("stdout", bytes);
      if (isWanted) flush();
    },
    end: (last) => {
      clearInterval(heartbeat);
      if (stream.destroyed) return;
      isOpened = true;
      flush();
      say(last);
      stream.push(null);
    },
  };
}
