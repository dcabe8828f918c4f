import type { Readable } from "node:stream";
import { createKeptBytes } from "./kept-bytes.ts";

/** Collects a stream up to a limit; what comes after is read no further. */
export interface Tap {
  /** What was kept, at most the limit. */
  bytes(): Uint8Array;
  readonly truncated: boolean;
  /** The stream has ended or failed, or the limit is reached. */
  readonly done: Promise<void>;
  /** Closes the stream. */
  close(): void;
}

/**
 * @param limitBytes kept at most; `onLimit` is called once when the program writes more.
 * @param onChunk each kept piece, as it comes.
 */
export function tap(
  stream: Readable,
  limitBytes: number,
  onChunk: (bytes: Uint8Array) => void,
  onLimit: () => void,
): Tap {
  const kept = createKeptBytes(limitBytes);
  let truncated = false;
  const { promise: done, resolve } = Promise.withResolvers<void>();
  stream.on("data", (chunk: Buffer) => {
    if (truncated) return;
    const piece = kept.add(chunk);
    if (piece.length > 0) onChunk(piece);
    if (chunk.length > piece.length) {
      truncated = true;
      // Paused, not closed: a program that sees its pipe break would still get to write about it.
      stream.pause();
      onLimit();
      resolve();
    }
  });
  // `close` follows `end`, an error and destroy() alike.
  if (stream.closed) resolve();
  else stream.once("close", () => resolve());
  return {
    bytes: kept.bytes,
    get truncated() {
      return truncated;
    },
    done,
    close: () => stream.destroy(),
  };
}
