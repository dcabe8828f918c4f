import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrame, readFrames } from "./frames.ts";
import type { Frame } from "./frames.ts";

function reader() {
  const stream = new PassThrough();
  const frames: Frame[] = [];
  let bad = 0;
  readFrames(
    stream,
    (frame) => frames.push({ ...frame, payload: Buffer.from(frame.payload) }),
    () => (bad += 1),
  );
  return { stream, frames, bad: () => bad };
}

describe("a frame", () => {
  test("comes out as it went in, however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(255), fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 300 })), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
        (wanted, cuts) => {
          const { stream, frames, bad } = reader();
          const all = Buffer.concat(wanted.map(([kind, channel, payload]) => encodeFrame(kind, channel, payload)));
          for (let at = 0, n = 0; at < all.length; n += 1) {
            const size = cuts[n % cuts.length] ?? 1;
            stream.emit("data", all.subarray(at, at + size));
            at += size;
          }
          expect(bad()).toBe(0);
          expect(frames.map(({ kind, channel, payload }) => [kind, channel, [...payload]])).toEqual(
            wanted.map(([kind, channel, payload]) => [kind, channel, [...payload]]),
          );
        },
      ),
    );
  });

  test("of a length that no agent sends ends the conversation", () => {
    const { stream, frames, bad } = reader();
    const lie = encodeFrame(35, 1, Buffer.alloc(0));
    lie.writeUInt32BE(0xffff_ffff, 5);
    stream.emit("data", lie);
    stream.emit("data", encodeFrame(35, 1, Buffer.from("late")));
    expect(bad()).toBe(1);
    expect(frames).toEqual([]);
  });

  test("that comes a byte at a time costs no more than its bytes", () => {
    const { stream, frames } = reader();
    const all = encodeFrame(38, 7, Buffer.alloc(512 * 1024, 1));
    for (let at = 0; at < all.length; at += 1) stream.emit("data", all.subarray(at, at + 1));
    expect(frames.map(({ channel, payload }) => [channel, payload.length])).toEqual([[7, 512 * 1024]]);
  }, 5_000);
});
