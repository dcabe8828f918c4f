import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitAtMarks, splitFrames } from "./streams.ts";

/** Feeds the bytes in pieces that end where `cuts` say. */
function inPieces(bytes: Uint8Array, cuts: readonly number[]): PassThrough {
  const source = new PassThrough();
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    if (end > start) source.write(bytes.subarray(start, end));
    start = end;
  }
  source.end();
  return source;
}

const frame = (type: number, content: string): Buffer => {
  const header = Buffer.from([type, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(content), 4);
  return Buffer.concat([header, Buffer.from(content)]);
};
const cuts = fc.array(fc.nat(), { maxLength: 12 });

describe("streams of a container", () => {
  it("are told apart however the frames are cut", async () => {
    const frames = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.string()), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(frames, cuts, async (given, at) => {
        const source = inPieces(Buffer.concat(given.map(([type, content]) => frame(type, content))), at);
        const { stdout, stderr } = splitFrames(source);
        const of = (wanted: number): string =>
          given.map(([type, content]) => (type === wanted ? content : "")).join("");
        expect(await Promise.all([text(stdout), text(stderr)])).toEqual([of(1), of(2)]);
      }),
    );
  });

  it("fall into parts at the marks, wherever these are cut, and keep what looks like the beginning of one", async () => {
    const part = fc.stringMatching(/^[ma]{0,9}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 5 }), cuts, async (given, at) => {
        const parts = splitAtMarks(inPieces(Buffer.from(given.join("mark")), at), Buffer.from("mark"), 5);
        const texts = await Promise.all(parts.map((one) => text(one)));
        expect(texts).toEqual([...given, ...Array.from({ length: 5 - given.length }, () => "")]);
      }),
    );
  });

  it("give a part at once that no mark can begin in", async () => {
    const source = new PassThrough();
    const [first] = splitAtMarks(source, Buffer.from("mark"), 2);
    const seen = new Promise((resolve) => first?.once("data", resolve));
    source.write("ready\n");
    expect(String(await seen)).toBe("ready\n");
  });
});
