import { Readable } from "node:stream";
import { createOutputGather } from "../executor/gather-output.ts";
import { fromBytes } from "./bytes.ts";

/** A program's output and result as Server-Sent Events. */
export interface ExecStream {
  readonly stream: Readable;
  output(name: "stdout" | "stderr", bytes: Uint8Array): void;
  /** What is left, and the last event. */
  end(event: "result" | "error", data: unknown): void;
}

/** Output that a slow reader has not taken waits as bytes, joined: at most what the sandbox lets a program write. */
export function createExecStream(): ExecStream {
  const gather = createOutputGather();
  let isWanted = false;
  const say = (event: string, data: unknown): boolean =>
    stream.push(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const flush = (): void => {
    for (const { stream: name, bytes } of gather.take())
      isWanted = say("output", { stream: name, ...fromBytes(bytes) });
  };
  const stream = new Readable({
    read: () => {
      isWanted = true;
      flush();
    },
  });
  return {
    stream,
    output: (name, bytes) => {
      if (stream.destroyed) return;
      gather.add(name, bytes);
      if (isWanted) flush();
    },
    end: (event, data) => {
      if (stream.destroyed) return;
      flush();
      say(event, data);
      stream.push(null);
    },
  };
}
