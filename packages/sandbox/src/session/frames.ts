import type { Duplex } from "node:stream";

/** What we say. */
export const TO_AGENT = {
  start: 1,
  input: 2,
  inputEnd: 3,
  kill: 4,
  resize: 5,
  write: 6,
  read: 7,
  list: 8,
  hold: 9,
  goOn: 10,
} as const;
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
  taken: 41,
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

/**
 * Reads frames; `onBad` is told once of a length that no agent sends, and nothing is read after it. Each byte is copied
 * once at most, in however many pieces it comes.
 */
export function readFrames(stream: Duplex, onFrame: (frame: Frame) => void, onBad: () => void): void {
  const header = Buffer.alloc(HEADER_BYTES);
  let headerBytes = 0;
  /** Of a frame that comes in pieces. */
  let payload: Buffer | null = null;
  let payloadBytes = 0;
  let isBad = false;

  /** What of `chunk` belongs to this frame, all of it or the next piece; null until the frame is whole. */
  const take = (chunk: Buffer, length: number): Buffer | null => {
    if (payload === null && chunk.length >= length) return chunk.subarray(0, length);
    payload ??= Buffer.allocUnsafeSlow(length);
    payloadBytes += chunk.copy(payload, payloadBytes, 0, length - payloadBytes);
    return payloadBytes === length ? payload : null;
  };
  stream.on("data", (chunk: Buffer) => {
    let rest = chunk;
    while (!isBad && rest.length > 0) {
      if (headerBytes < HEADER_BYTES) {
        const copied = rest.copy(header, headerBytes, 0, HEADER_BYTES - headerBytes);
        headerBytes += copied;
        rest = rest.subarray(copied);
        if (headerBytes < HEADER_BYTES) return;
      }
      const length = header.readUInt32BE(5);
      if (length > MAX_FRAME_BYTES) {
        isBad = true;
        return onBad();
      }
      const before = payloadBytes;
      const whole = take(rest, length);
      if (whole === null) return;
      rest = rest.subarray(length - before);
      headerBytes = 0;
      payload = null;
      payloadBytes = 0;
      onFrame({ kind: header.readUInt8(0), channel: header.readUInt32BE(1), payload: whole });
    }
  });
}
