import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DataDirInUseError, lockDataDir } from "./data-dir.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "crucible-lock-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("a data directory belongs to one at a time, whatever path leads to it", async () => {
  const lock = await lockDataDir(join(directory, "data"));
  await expect(lockDataDir(join(directory, "other", "..", "data"))).rejects.toThrow(DataDirInUseError);
  await expect(lockDataDir(join(directory, "data"))).rejects.toThrow(`process ${process.pid}`);
  await using elsewhere = await lockDataDir(join(directory, "elsewhere"));
  expect(elsewhere).toBeDefined();
  await lock[Symbol.asyncDispose]();
  await using again = await lockDataDir(join(directory, "data"));
  expect(again).toBeDefined();
  expect(readFileSync(join(directory, "data", "pid"), "utf8")).toBe(`${process.pid}\n`);
  expect(statSync(join(directory, "data")).mode & 0o777).toBe(0o700);
});
