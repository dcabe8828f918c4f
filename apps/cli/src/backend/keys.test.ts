import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findKey, isLoopback } from "./keys.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "crucible-keys-"));
  await writeFile(join(directory, "api-key"), "own-key\n");
  await writeFile(join(directory, "other"), "file-key\n");
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const LOCAL = "http://127.0.0.1:4180";
const find = async (url: string, keyFile?: string, env: Record<string, string> = {}) =>
  await findKey(url, keyFile, { env: { CRUCIBLE_DATA_DIR: directory, ...env }, cwd: directory });

test("a named file beats the environment, and that beats the data directory", async () => {
  expect(await find(LOCAL, "other", { CRUCIBLE_API_KEY: "env-key" })).toBe("file-key");
  expect(await find(LOCAL, undefined, { CRUCIBLE_API_KEY: "env-key" })).toBe("env-key");
  expect(await find(LOCAL)).toBe("own-key");
});

test("the data directory's key never goes to another machine", async () => {
  for (const url of [
    "https://example.org",
    "http://127.0.0.1.example.org",
    "http://10.0.0.1:4180",
    "http://localhost.example",
  ]) {
    await expect(find(url), url).rejects.toThrow("no API key for");
  }
});

test.each([
  ["http://localhost:1", true],
  ["http://127.9.9.9", true],
  ["http://[::1]:4180", true],
  ["http://0.0.0.0", false],
  ["http://128.0.0.1", false],
  ["http://example.org/127.0.0.1", false],
])("%s is on this machine: %s", (url, expected) => {
  expect(isLoopback(url)).toBe(expected);
});

test("an empty key file is said to be empty", async () => {
  await writeFile(join(directory, "empty"), "\n");
  await expect(find(LOCAL, "empty")).rejects.toThrow("empty is empty");
});
