import { describe, expect, test } from "vitest";
import { readJson } from "./read-json.ts";

const again = (text: string): string => JSON.stringify(readJson(Buffer.from(text)));

describe("JSON that is read and written again", () => {
  test.each([
    '{"a":1,"b":[true,null,"x"],"c":{"d":0.5}}',
    '{"seed":12345678901234567890}',
    '{"seed":-9007199254740993,"t":"1234567890123456 in a text"}',
    '{"x":1e400,"y":0.12345678901234567890123}',
    '{"__proto__":{"a":1},"constructor":{"prototype":2}}',
  ])("stays as it was: %s", (text) => {
    expect(again(text)).toBe(text);
  });

  test("says the same in another way where that changes no value", () => {
    expect(again('{ "a" : 1.0, "b":1e3, "c":"\\u00e9\\/" }')).toBe('{"a":1,"b":1000,"c":"é/"}');
    expect(again('{"a":1,"a":2}')).toBe('{"a":2}');
  });

  test("does not change what other objects inherit", () => {
    readJson(Buffer.from('{"__proto__":{"polluted":1}}'));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test.each([
    ["half of it", Buffer.from('{"a":')],
    ["two values", Buffer.from("{}{}")],
    ["bytes that are no UTF-8", Buffer.from([0x22, 0xc3, 0x28, 0x22])],
    ["UTF-16", Buffer.from('{"a":1}', "utf16le")],
  ])("is refused: %s", (_, bytes) => {
    expect(() => readJson(bytes)).toThrow(expect.objectContaining({ code: "malformed_json" }));
  });
});
