import { PassThrough } from "node:stream";
import type { Readable } from "node:stream";

/** Docker Engine API, "Attach to a container", stream format: type, three zeros, length (big-endian). */
const HEADER_BYTES = 8;
const STDERR = 2;

/** Writes with the reader's pace: what nobody takes stays in the kernel, and the program waits. */
function push(source: Readable, target: PassThrough, bytes: Uint8Array): void {
  if (bytes.length === 0 || target.destroyed || target.write(bytes)) return;
  source.pause();
  target.once("drain", () => source.resume());
}

/** The two streams of an attached container without a terminal; both end with the connection. */
export function splitFrames(source: Readable): { readonly stdout: Readable; readonly stderr: Readable } {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let header = Buffer.alloc(0);
  let left = 0;
  let target = stdout;
  source.on("data", (chunk: Buffer) => {
    for (let rest = chunk; rest.length > 0;) {
      if (left > 0) {
        const piece = rest.subarray(0, left);
        left -= piece.length;
        rest = rest.subarray(piece.length);
        push(source, target, piece);
        continue;
      }
      const taken = rest.subarray(0, HEADER_BYTES - header.length);
      rest = rest.subarray(taken.length);
      header = Buffer.concat([header, taken]);
      if (header.length < HEADER_BYTES) return;
      target = header[0] === STDERR ? stderr : stdout;
      left = header.readUInt32BE(4);
      header = Buffer.alloc(0);
    }
  });
  const end = (): void => {
    stdout.end();
    stderr.end();
  };
  source.once("end", end);
  source.once("close", end);
  return { stdout, stderr };
}

/** How many bytes at the end may be the mark's beginning, which comes in two pieces then. */
function begunMark(held: Buffer, mark: Uint8Array): number {
  for (let length = Math.min(held.length, mark.length - 1); length > 0; length -= 1) {
    if (held.subarray(-length).equals(mark.subarray(0, length))) return length;
  }
  return 0;
}

/**
 * One stream as several, cut where `mark` stands; the last has all that follows. The mark is known to the launcher
 * alone, so a program cannot end its own part.
 */
export function splitAtMarks(source: Readable, mark: Uint8Array, count: number): Readable[] {
  const parts = Array.from({ length: count }, () => new PassThrough());
  let held: Buffer = Buffer.alloc(0);
  let current = 0;
  const part = (): PassThrough => parts[current] as PassThrough;
  source.on("data", (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (current < count - 1) {
      const at = held.indexOf(mark);
      if (at === -1) break;
      push(source, part(), held.subarray(0, at));
      part().end();
      held = held.subarray(at + mark.length);
      current += 1;
    }
    const sure = held.length - (current === count - 1 ? 0 : begunMark(held, mark));
    push(source, part(), held.subarray(0, sure));
    held = held.subarray(sure);
  });
  source.once("close", () => {
    push(source, part(), held);
    for (const one of parts.slice(current)) one.end();
  });
  return parts;
}
