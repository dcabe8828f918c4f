import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { keyOf, openResults } from "./results.ts";
import type { BatchResult } from "./results.ts";
import { anOutcome } from "./testing.ts";

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "crucible-results-"));
  path = join(directory, "results.jsonl");
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const result = (id: string, given: Partial<BatchResult> = {}): BatchResult => ({
  id,
  line: 1,
  digest: "d",
  runId: null,
  passed: true,
  mismatches: [],
  outcome: anOutcome(),
  ...given,
});

async function keysIn(file: string): Promise<string[]> {
  await using results = await openResults(file);
  return [...results.done.keys()];
}

test("what was appended is done when the file is opened again", async () => {
  {
    await using results = await openResults(path);
    expect(results.done.size).toBe(0);
    await results.append(result("a"));
    await results.append(result("b", { passed: false }));
  }
  await using again = await openResults(path);
  expect([...again.done.entries()]).toEqual([
    [keyOf({ id: "a", digest: "d" }), { passed: true, status: "exited" }],
    [keyOf({ id: "b", digest: "d" }), { passed: false, status: "exited" }],
  ]);
});

test("a half written last line is cut off, and what follows is whole", async () => {
  await writeFile(path, `${JSON.stringify(result("a"))}\n${JSON.stringify(result("b")).slice(0, 40)}`);
  {
    await using results = await openResults(path);
    expect([...results.done.keys()]).toEqual([keyOf(result("a"))]);
    await results.append(result("c"));
  }
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as BatchResult).id)).toEqual(["a", "c"]);
});

test("a file that is only half a line becomes empty", async () => {
  await writeFile(path, "x".repeat(200_000));
  expect(await keysIn(path)).toEqual([]);
  expect(await readFile(path, "utf8")).toBe("");
});

test("a broken sandbox and a cancelled run say nothing about the program: both run again", async () => {
  await writeFile(path, "");
  for (const status of ["sandbox_failed", "cancelled", "timed_out"] as const) {
    await appendFile(path, `${JSON.stringify(result(status, { outcome: anOutcome({ status, exitCode: null }) }))}\n`);
  }
  expect(await keysIn(path)).toEqual([keyOf(result("timed_out"))]);
});

test("lines that are no results stay and are counted", async () => {
  await writeFile(path, `{"other":1}\nnot json\n${JSON.stringify(result("a"))}\n`);
  await using results = await openResults(path);
  expect([results.unreadable, results.done.size]).toEqual([2, 1]);
  expect(await readFile(path, "utf8")).toContain("not json");
});
