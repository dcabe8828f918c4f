import { PassThrough } from "node:stream";
import type { Readable } from "node:stream";

/** One stream as two: what comes before the mark, and what comes after it. */
export interface SplitStream {
  /** Ends at the mark, or with the stream. */
  readonly before: Readable;
  readonly after: Readable;
}

/**
 * For output that does not end with the compile step: because its stream is the program's too, or because the runtime
 * holds it open. A compiler that writes the mark itself only moves its own output to where the program's is.
 */
export function splitAt(source: Readable, mark: Uint8Array): SplitStream {
  const before = new PassThrough();
  const after = new PassThrough();
  let held: Buffer = Buffer.alloc(0);
  let isFound = false;
  const push = (target: PassThrough, bytes: Uint8Array): void => {
    if (bytes.length === 0 || target.destroyed || target.write(bytes)) return;
    source.pause();
    target.once("drain", () => source.resume());
  };
  source.on("data", (chunk: Buffer) => {
    if (isFound) return push(after, chunk);
    held = Buffer.concat([held, chunk]);
    const at = held.indexOf(mark);
    if (at !== -1) {
      isFound = true;
      push(before, held.subarray(0, at));
      before.end();
      push(after, held.subarray(at + mark.length));
      held = Buffer.alloc(0);
      return;
    }
    // The mark may come in two pieces.
    const sure = Math.max(0, held.length - mark.length + 1);
    push(before, held.subarray(0, sure));
    held = held.subarray(sure);
  });
  source.once("close", () => {
    push(before, held);
    before.end();
    after.end();
  });
  return { before, after };
}
