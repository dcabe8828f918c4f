import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseEnv, parseIsolation } from "./options.ts";
import { chooseLanguage, readSources, sandboxPath } from "./sources.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "crucible-sources-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

test.each([
  ["/p/main.py", "main.py"],
  ["/p/lib/util.py", "lib/util.py"],
  ["/elsewhere/data.csv", "data.csv"],
  ["/p2/data.csv", "data.csv"],
  ["/p/..odd", "..odd"],
])("%s beside /p/main.py becomes %s", (file, path) => {
  expect(sandboxPath(file, "/p")).toBe(path);
});

test("reads the program and its files, bytes that are no text too", async () => {
  await mkdir(join(directory, "lib"));
  await writeFile(join(directory, "main.py"), "print(1)");
  await writeFile(join(directory, "lib", "data.bin"), Buffer.from([0xff, 0x00]));
  expect(await readSources("main.py", ["lib/data.bin"], directory)).toEqual([
    { path: "main.py", content: "print(1)", encoding: "utf8" },
    { path: "lib/data.bin", content: "/wA=", encoding: "base64" },
  ]);
});

test("two files in one place are refused", async () => {
  await writeFile(join(directory, "main.py"), "");
  await expect(readSources("main.py", ["main.py"], directory)).rejects.toThrow("two files would both be main.py");
});

const languages = [
  { name: "python", aliases: ["py"], extensions: [".py"], version: "3", compiled: false },
  { name: "c++", aliases: ["cpp"], extensions: [".cpp", ".cc"], version: "12", compiled: true },
];

test("knows the language by extension, name or alias", () => {
  expect(chooseLanguage("a/b.PY", undefined, languages)).toBe("python");
  expect(chooseLanguage("x.cc", undefined, languages)).toBe("c++");
  expect(chooseLanguage("x", "cpp", languages)).toBe("cpp");
});

test.each([
  ["x.zig", undefined, "no language here has files ending in .zig"],
  ["Makefile", undefined, "Makefile has no extension that names a language"],
  ["x.py", "pythn", 'there is no language "pythn" here'],
])("says what is wrong with %s as %s", (file, named, message) => {
  expect(() => chooseLanguage(file, named, languages)).toThrow(message);
});

test("environment variables need a value and a name", () => {
  expect(parseEnv(["A=1", "B=", "A=x=y"])).toEqual({ A: "x=y", B: "" });
  expect(() => parseEnv(["HOME"])).toThrow("--env wants NAME=VALUE");
  expect(() => parseEnv(["a b=1"])).toThrow('"a b" is no name for a variable');
});

test("isolation is an engine or a level, never both", () => {
  expect(parseIsolation(undefined, undefined)).toBeUndefined();
  expect(parseIsolation("bubblewrap", undefined)).toEqual({ engine: "bubblewrap" });
  expect(parseIsolation(undefined, "gvisor")).toEqual({ atLeast: "gvisor" });
  expect(() => parseIsolation("a", "none")).toThrow("cannot both be given");
  expect(() => parseIsolation(undefined, "gvizor")).toThrow(
    expect.objectContaining({ next: "did you mean gvisor?" }) as Error,
  );
});
