import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { tap } from "./tap.ts";

describe("tap", () => {
  it("keeps exactly the limit, says so once, and passes on what it kept", async () => {
    const stream = new PassThrough();
    const chunks: string[] = [];
    let calls = 0;
    const kept = tap(
      stream,
      5,
      (bytes) => chunks.push(Buffer.from(bytes).toString()),
      () => (calls += 1),
    );
    stream.write("abc");
    stream.write("defg");
    stream.write("hij");
    await kept.done;
    expect(Buffer.from(kept.bytes()).toString()).toBe("abcde");
    expect(chunks.join("")).toBe("abcde");
    expect(kept.truncated).toBe(true);
    expect(calls).toBe(1);
  });

  it("does not call output of exactly the limit too much", async () => {
    const stream = new PassThrough();
    const kept = tap(
      stream,
      3,
      () => undefined,
      () => expect.unreachable(),
    );
    stream.end("abc");
    await kept.done;
    expect(kept.truncated).toBe(false);
    expect(kept.bytes()).toHaveLength(3);
  });
});
