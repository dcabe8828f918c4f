import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Artifact } from "@crucible/contract";
import { afterAll, beforeAll, expect, test } from "vitest";
import { artifactNotes, checkOutDirectory, writeArtifacts } from "./artifacts.ts";

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "crucible-out-"));
});
afterAll(async () => {
  await rm(base, { recursive: true });
});

const file = (path: string, content = "x", encoding: "utf8" | "base64" = "utf8"): Artifact => ({
  path,
  sizeBytes: content.length,
  sha256: "",
  content,
  encoding,
});
const artifacts = (...files: Artifact[]) => ({ files, leftOut: [], incomplete: null });

test("writes files with their directories, text and bytes", async () => {
  const directory = join(base, "fresh");
  await writeArtifacts(directory, artifacts(file("a/b/c", "text"), file("a/bytes", "/w==", "base64")));
  expect(await readFile(join(directory, "a/b/c"), "utf8")).toBe("text");
  expect([...(await readFile(join(directory, "a/bytes")))]).toEqual([0xff]);
});

test.each(["../up", "/etc/abs", "a/../../up", "a//b", "./a", "", "a/", "nul\0"])(
  "refuses the path %j, and writes nothing at all",
  async (path) => {
    const directory = join(base, "refused");
    await expect(writeArtifacts(directory, artifacts(file("good"), file(path)))).rejects.toThrow(/has the path/);
    await expect(readdir(directory)).rejects.toThrow(/ENOENT/);
  },
);

test("writes into no directory that holds something, and over nothing", async () => {
  const directory = join(base, "full");
  await mkdir(directory);
  await writeFile(join(directory, "mine"), "mine");
  await expect(checkOutDirectory(directory)).rejects.toThrow(/not empty/);
  await expect(writeArtifacts(directory, artifacts(file("mine", "theirs")))).rejects.toThrow(/not empty/);
  await expect(checkOutDirectory(join(directory, "mine"))).rejects.toThrow(/no directory/);
  const twice = join(base, "twice");
  await expect(writeArtifacts(twice, artifacts(file("a", "first"), file("a", "second")))).rejects.toThrow(/EEXIST/);
  expect(await readFile(join(twice, "a"), "utf8")).toBe("first");
});

test("a directory named through a link is the directory itself, and links in it keep it from being used", async () => {
  const real = join(base, "real");
  await mkdir(real);
  await symlink(real, join(base, "link"));
  await writeArtifacts(join(base, "link"), artifacts(file("x")));
  expect(await readdir(real)).toEqual(["x"]);
  const planted = join(base, "planted");
  await mkdir(planted);
  await symlink("/etc", join(planted, "a"));
  await expect(writeArtifacts(planted, artifacts(file("a/x")))).rejects.toThrow(/not empty/);
});

test("notes quote what the program named", () => {
  const leftOut = [{ path: "\u001b[2J\n", reason: "a symbolic link" }];
  expect(artifactNotes({ files: [], leftOut, incomplete: "cut off" })).toEqual([
    String.raw`left out "\u001b[2J\n": a symbolic link`,
    "cut off",
  ]);
});
