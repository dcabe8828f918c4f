import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatAllowedHost,
  isAllowed,
  isCovered,
  parseAllowedHost,
  parseAllowList,
  parseName,
  parseTarget,
} from "./hosts.ts";

const list = (...entries: string[]) => parseAllowList(entries);
const target = (text: string) => {
  const found = parseTarget(text);
  if (found === null) throw new Error(`${text} is no target`);
  return found;
};

describe("a host name", () => {
  test("is taken in lower case and without the final dot", () => {
    expect(parseName("PyPI.org.")).toBe("pypi.org");
    expect(parseName("xn--bcher-kva.example")).toBe("xn--bcher-kva.example");
  });

  test.each([
    "",
    ".",
    "a..b",
    "-a.example",
    "a-.example",
    "a_b.example",
    "bücher.example",
    "a b.example",
    "a\0.example",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "1.2.3.0x",
    "[::1]",
    "::1",
    "user@example.org",
    "example.org/",
    "example.org#",
    "example.org\r\nx",
    `${"a".repeat(64)}.example`,
    "..",
    "a.%61",
    `${"a.".repeat(130)}example`,
  ])("is not %j", (text) => {
    expect(parseName(text)).toBeNull();
  });

  test("is never one that the URL parser takes for an address", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-fx.]{1,24}$/), (text) => {
        const name = parseName(text);
        if (name === null) return;
        expect(new URL(`http://${name}/`).hostname).toBe(name);
        expect(name).not.toMatch(/^[\d.]+$/);
      }),
    );
  });
});

describe("a target", () => {
  test.each([
    "example.org",
    "example.org:",
    "example.org:0",
    "example.org:65536",
    "example.org:443x",
    "example.org:+1",
    ":80",
  ])("is not %j", (text) => expect(parseTarget(text)).toBeNull());
});

describe("an allow-list", () => {
  test("lets exactly the named hosts and ports through", () => {
    const allow = list("pypi.org:443", "*.example.org:80");
    for (const good of ["pypi.org:443", "PYPI.ORG.:443", "a.example.org:80", "a.b.example.org:80"])
      expect(isAllowed(target(good), allow), good).toBe(true);
    for (const bad of [
      "pypi.org:80",
      "x.pypi.org:443",
      "example.org:80",
      "a.example.org:443",
      "evilexample.org:80",
      "example.org.evil.net:80",
    ])
      expect(isAllowed(target(bad), allow), bad).toBe(false);
  });

  test("that is empty lets nothing through", () => {
    expect(isAllowed(target("example.org:443"), [])).toBe(false);
  });

  test.each([
    "*",
    "*:443",
    "*.com:443",
    "**.example.org:443",
    "a.*.org:443",
    "10.0.0.1:80",
    "http://example.org:443",
    "example.org:*",
  ])("does not take %j", (entry) => {
    expect(parseAllowedHost(entry)).toBeNull();
    expect(() => parseAllowList(["example.org:1", entry])).toThrow("network.allow[1] must be a DNS name and a port");
  });

  test("has at most 64 entries", () => {
    expect(() => parseAllowList(Array.from({ length: 65 }, (_, n) => `h${n}.example:1`))).toThrow("at most 64");
  });

  test("that lies within another allows nothing that the other does not", () => {
    const ceiling = list("*.example.org:443", "pypi.org:443");
    for (const good of ["a.example.org:443", "*.a.example.org:443", "*.example.org:443", "pypi.org:443"])
      expect(isCovered(list(good)[0]!, ceiling), good).toBe(true);
    for (const bad of ["example.org:443", "a.example.org:80", "*.pypi.org:443", "*.org.example:443"])
      expect(isCovered(list(bad)[0]!, ceiling), bad).toBe(false);
  });

  test("reads what it writes", () => {
    for (const text of ["pypi.org:443", "*.example.org:80"]) expect(formatAllowedHost(list(text)[0]!)).toBe(text);
  });
});
