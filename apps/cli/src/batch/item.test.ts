import { describe, expect, test } from "vitest";
import { Expected, mismatches, parseLine } from "./item.ts";
import { anOutcome } from "./testing.ts";

const parse = (value: unknown, number = 7) =>
  parseLine({ number, text: typeof value === "string" ? value : JSON.stringify(value) });

describe("a line", () => {
  test("is a run request with an id and an expectation", () => {
    const parsed = parse({ id: "a", language: "python", code: "1", expected: { stdout: "x" } });
    expect(parsed).toMatchObject({
      ok: true,
      item: {
        id: "a",
        line: 7,
        request: { language: "python", code: "1", args: [] },
        expected: { stdout: "x", status: "exited" },
      },
    });
  });

  test("without an id has its number, and a number is an id too", () => {
    expect(parse({ language: "python", code: "" })).toMatchObject({ item: { id: "line-7", expected: null } });
    expect(parse({ id: 12, language: "python", code: "" })).toMatchObject({ item: { id: "12" } });
  });

  test("has a digest that changes with the text", () => {
    const digests = ["1", "2", "1"].map((code) => {
      const parsed = parse({ language: "python", code });
      return parsed.ok ? parsed.item.digest : "";
    });
    expect(digests[0]).toBe(digests[2]);
    expect(digests[0]).not.toBe(digests[1]);
  });

  test.each([
    ["{", /^not JSON: /],
    ["[]", /object/],
    [{ code: "1" }, /^language: /],
    [{ language: "python" }, /code/],
    [{ language: "python", code: "1", nonsense: 1 }, /nonsense/],
    [{ language: "python", files: [{ path: "a", content: 5 }] }, /^files\[0\]\.content: /],
    [{ language: "python", code: "1", limits: { wallTimeMs: -1 } }, /^limits\.wallTimeMs: /],
    [{ language: "python", code: "1", expected: { status: "fine" } }, /^expected\.status: /],
    [{ language: "python", code: "1", expected: { output: "x" } }, /^expected: .*output/],
    [{ id: "", language: "python", code: "1" }, /^id: /],
  ])("%j is refused by field", (value, message) => {
    expect(parse(value)).toMatchObject({ ok: false, line: 7, message: expect.stringMatching(message) as string });
  });
});

describe("an expectation", () => {
  const compare = (expected: object, outcome: Parameters<typeof anOutcome>[0]) =>
    mismatches(Expected.parse(expected), anOutcome(outcome));

  test("is exit code 0 when it says nothing", () => {
    expect(compare({}, {})).toEqual([]);
    expect(compare({}, { exitCode: 3 })).toEqual(["exit code is 3, not 0"]);
    expect(compare({}, { status: "timed_out", exitCode: null })).toEqual([
      "status is timed_out, not exited",
      "exit code is none, not 0",
    ]);
  });

  test("of another status asks for no exit code", () => {
    expect(compare({ status: "signaled" }, { status: "signaled", exitCode: null, signal: "SIGSEGV" })).toEqual([]);
  });

  test("compares stdout byte for byte and says where it differs", () => {
    expect(compare({ stdout: "abc\n" }, { stdout: "abc\n" })).toEqual([]);
    expect(compare({ stdout: "abc\n" }, { stdout: "abc" })).toEqual(["stdout differs from byte 3 on (3 bytes, not 4)"]);
    expect(compare({ stdout: "/w==", stdoutEncoding: "base64" }, { stdout: "/w==", stdoutEncoding: "base64" })).toEqual(
      [],
    );
    expect(compare({ stdout: "/w==" }, { stdout: "/w==", stdoutEncoding: "base64" })).toHaveLength(1);
  });
});
