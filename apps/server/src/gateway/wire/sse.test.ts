import { describe, expect, test } from "vitest";
import { createSseReader, frame } from "./sse.ts";

const read = (pieces: readonly Buffer[], most = 1000) => {
  const reader = createSseReader(most);
  return [...pieces.flatMap((piece) => [...reader.push(piece)]), ...reader.end()];
};

describe("a reader of Server-Sent Events", () => {
  const EVENTS = [
    { event: null, data: '{"a":"größer 😀"}' },
    { event: "response.created", data: '{"b":1}' },
    { event: null, data: "one\ntwo" },
    { event: null, data: "[DONE]" },
  ];
  const TEXTS = ["\n", "\r\n", "\r"].map((end) =>
    [
      `: a comment\n\n${frame(EVENTS[0]!.data)}${frame(EVENTS[1]!.data, EVENTS[1]!.event)}`,
      "data:one\nid: 5\ndata: two\nretry: 7\n\n\n\ndata: [DONE]\n\n",
    ]
      .join("")
      .replaceAll("\n", end),
  );

  test.each(TEXTS.map((text, i) => [["LF", "CRLF", "CR"][i], text]))(
    "gives the same events wherever a stream of %s is cut",
    (_, text) => {
      const bytes = Buffer.from(text ?? "");
      expect(read([bytes])).toEqual(EVENTS);
      for (let cut = 0; cut <= bytes.length; cut++) {
        expect(read([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(EVENTS);
      }
      expect(read([...bytes].map((byte) => Buffer.from([byte])))).toEqual(EVENTS);
    },
  );

  test("drops what is no whole event at the end, and refuses an event without end", () => {
    expect(read([Buffer.from("data: x\n\ndata: y\n")])).toEqual([{ event: null, data: "x" }]);
    const reader = createSseReader(100);
    reader.push(Buffer.from("data: x"));
    expect(() => reader.push(Buffer.alloc(200, "y"))).toThrow(RangeError);
  });

  test("reads an event of 4 MB in small pieces in linear time", () => {
    const reader = createSseReader(8_000_000);
    const piece = Buffer.alloc(4096, "x");
    const start = performance.now();
    for (let i = 0; i < 1000; i++) reader.push(piece);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
