import type { Duplex } from "node:stream";

/** What we say. */
export const TO_AGENT = { start: 1, input: 2, inputEnd: 3, kill: 4, resize: 5, write: 6, read: 7, list: 8 } as const;
/** What the agent says. */
export const FROM_AGENT = {
  ready: 33,
  started: 34,
  stdout: 35,
  stderr: 36,
  exited: 37,
  data: 38,
  done: 39,
  failed: 40,
} as const;

export interface Frame {
  readonly kind: number;
  readonly channel: number;
  readonly payload: Buffer;
}

/** Type, channel, length. */
const HEADER_BYTES = 9;
/** The agent sends at most 64 KiB of data, and a directory of 10,000 entries. */
const MAX_FRAME_BYTES = 8 * 1024 * 1024;
export const CHUNK_BYTES = 64 * 1024;

export function encodeFrame(kind: number, channel: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  frame.writeUInt8(kind, 0);
  frame.writeUInt32BE(channel, 1);
  frame.writeUInt32BE(payload.length, 5);
  frame.set(payload, HEADER_BYTES);
  return frame;
}

/** Reads frames; `onBad` is told once of a length that no agent of ours sends, and nothing is read after it. */
export function readFrames(stream: Duplex, onFrame: (frame: Frame) => void, onBad: () => void): void {
  let parts: Buffer[] = [];
  let have = 0;
  let isBad = false;
  stream.on("data", (chunk: Buffer) => {
    if (isBad) return;
    parts.push(chunk);
    have += chunk.length;
    if (have < HEADER_BYTES) return;
    // Joined only when a whole frame is there: a large one comes in many pieces.
    const first = parts[0] as Buffer;
    let all = first.length >= HEADER_BYTES ? first : Buffer.concat(parts);
    if (have < HEADER_BYTES + all.readUInt32BE(5) && all.readUInt32BE(5) <= MAX_FRAME_BYTES) return;
    all = parts.length === 1 ? first : Buffer.concat(parts);
    let at = 0;
    while (all.length - at >= HEADER_BYTES) {
      const length = all.readUInt32BE(at + 5);
      if (length > MAX_FRAME_BYTES) {
        isBad = true;
        parts = [];
        onBad();
        return;
      }
      const end = at + HEADER_BYTES + length;
      if (end > all.length) break;
      onFrame({
        kind: all.readUInt8(at),
        channel: all.readUInt32BE(at + 1),
        payload: all.subarray(at + HEADER_BYTES, end),
      });
      at = end;
    }
    parts = at === all.length ? [] : [all.subarray(at)];
    have = all.length - at;
  });
}
