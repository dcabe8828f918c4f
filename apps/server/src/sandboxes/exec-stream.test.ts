import { expect, test } from "vitest";
import { createExecStream } from "./exec-stream.ts";

const events = (text: string): { event: string; data: { stream?: string; text?: string } }[] =>
  [...text.matchAll(/^event: (.+)\ndata: (.+)$/gm)].map(([, event = "", data = ""]) => ({
    event,
    data: JSON.parse(data),
  }));

test("a reader that keeps up gets output as it comes, and the result at the end", async () => {
  const { stream, output, end } = createExecStream();
  const got: string[] = [];
  stream.on("data", (chunk) => got.push(String(chunk)));
  await new Promise(setImmediate);
  output("stdout", Buffer.from("one"));
  output("stderr", Buffer.from("two"));
  await new Promise(setImmediate);
  expect(events(got.join("")).map(({ data }) => [data.stream, data.text])).toEqual([
    ["stdout", "one"],
    ["stderr", "two"],
  ]);
  end("result", { status: "exited" });
  await expect.poll(() => stream.readableEnded).toBe(true);
  expect(events(got.join("")).at(-1)).toEqual({ event: "result", data: { status: "exited" } });
});

test("a reader that does not read is kept no more than the bytes, however small the pieces", async () => {
  const { stream, output, end } = createExecStream();
  for (let n = 0; n < 200_000; n += 1) output(n % 2 === 0 ? "stdout" : "stderr", Buffer.from("x"));
  expect(stream.readableLength).toBeLessThan(64 * 1024);
  end("result", {});
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  const all = events(text);
  expect(all.length).toBeLessThan(10);
  for (const name of ["stdout", "stderr"])
    expect(
      all
        .filter(({ data }) => data.stream === name)
        .map(({ data }) => data.text)
        .join(""),
    ).toBe("x".repeat(100_000));
});

test("a reader that has gone is kept nothing", () => {
  const { stream, output, end } = createExecStream();
  stream.destroy();
  output("stdout", Buffer.from("x"));
  expect(() => end("result", {})).not.toThrow();
  expect(stream.readableLength).toBe(0);
});
