import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DEFAULT_LINE_BOUNDS, readLines, splitLines, streamLines } from "./lines.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "crucible-lines-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function linesOf(
  bytes: string | Buffer,
  bounds = DEFAULT_LINE_BOUNDS as { lineBytes: number; totalBytes: number },
) {
  const path = join(directory, "file");
  await writeFile(path, bytes);
  const lines: string[] = [];
  for await (const { number, text } of readLines(path, bounds)) lines.push(`${number}:${text}`);
  return lines;
}

const text = '\uFEFF{"a":1}\r\n\n  \n{"b":"é"}\nlast';

test("numbers the lines and leaves out blank ones, with or without a last newline", async () => {
  expect(await linesOf(text)).toEqual(['1:{"a":1}', '4:{"b":"é"}', "5:last"]);
  expect(await linesOf("a\nb\n")).toEqual(["1:a", "2:b"]);
  expect(await linesOf("")).toEqual([]);
});

test("unpacks gzip whatever the file is called", async () => {
  expect(await linesOf(gzipSync(text))).toEqual(['1:{"a":1}', '4:{"b":"é"}', "5:last"]);
});

test.each([
  ["in whole chunks", [gzipSync(text)]],
  ["byte by byte", [...gzipSync(text)].map((byte) => Buffer.of(byte))],
  ["not packed", [Buffer.from(text)]],
])("unpacks gzip from a stream, which has no name: %s", async (_, chunks) => {
  const lines: string[] = [];
  for await (const line of streamLines(Readable.from(chunks), "stdin", DEFAULT_LINE_BOUNDS)) lines.push(line.text);
  expect(lines).toEqual(['{"a":1}', '{"b":"é"}', "last"]);
});

test("says of a stream too that its gzip is cut off", async () => {
  const cut = Readable.from([gzipSync(text).subarray(0, -4)]);
  const read = async () => {
    for await (const line of streamLines(cut, "stdin", DEFAULT_LINE_BOUNDS)) expect(line).toBeDefined();
  };
  await expect(read()).rejects.toThrow("stdin is not a whole gzip file");
});

test("a character cut in two by a chunk survives", async () => {
  const bytes = Buffer.from("é\n");
  const chunks = [bytes.subarray(0, 1), bytes.subarray(1)];
  const lines: string[] = [];
  for await (const line of splitLines(
    (async function* () {
      yield* chunks;
    })(),
    "x",
    DEFAULT_LINE_BOUNDS,
  ))
    lines.push(line.text);
  expect(lines).toEqual(["é"]);
});

test("a gzip bomb stops at the bound", async () => {
  const bomb = gzipSync(Buffer.alloc(20_000_000, "x\n"));
  expect(bomb.length).toBeLessThan(100_000);
  await expect(linesOf(bomb, { lineBytes: 1000, totalBytes: 1_000_000 })).rejects.toThrow(
    "unpacks to more than 1000000 bytes",
  );
});

test("a line without end stops at the bound", async () => {
  await expect(linesOf(`ok\n${"x".repeat(300_000)}`, { lineBytes: 100_000, totalBytes: 1e9 })).rejects.toThrow(
    "line 2 of",
  );
});

test("a gzip file cut short is told from a whole one", async () => {
  const whole = gzipSync("a\n".repeat(1000));
  await expect(linesOf(whole.subarray(0, whole.length - 10))).rejects.toThrow("is not a whole gzip file");
  await expect(linesOf(Buffer.concat([whole.subarray(0, 12), Buffer.from("garbage")]))).rejects.toThrow(
    "is not a whole gzip file",
  );
});

test("a missing file is named", async () => {
  await expect(readLines(join(directory, "nope"), DEFAULT_LINE_BOUNDS).next()).rejects.toMatchObject({
    code: "ENOENT",
  });
});
