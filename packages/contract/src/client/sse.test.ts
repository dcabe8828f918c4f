import { describe, expect, it } from "vitest";
import { createSseParser } from "./sse.ts";

const STREAM =
  'retry: 2000\n\n: hello\n\nid: 7\nevent: run.started\ndata: {"a":1}\n\ndata: x\r\ndata: y\r\n\r\nid: 8\ndata: cut off';
const EXPECTED = [
  { retryMs: 2000 },
  { comment: true },
  { block: { id: "7", event: "run.started", data: '{"a":1}' } },
  { block: { id: null, event: "message", data: "x\ny" } },
];

describe("server-sent events parser", () => {
  it("gives the blocks of a stream and drops an unfinished one", () => {
    expect(createSseParser()(STREAM)).toEqual(EXPECTED);
  });

  it("gives the same however the stream is cut", () => {
    for (let size = 1; size < STREAM.length; size++) {
      const parse = createSseParser();
      const items = [];
      for (let at = 0; at < STREAM.length; at += size) items.push(...parse(STREAM.slice(at, at + size)));
      expect(items).toEqual(EXPECTED);
    }
  });
});
