import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@crucible/contract";
import type { Client, Run, RunRequestInput } from "@crucible/contract";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { execute } from "./execute.ts";
import { loadPrograms } from "./programs.ts";
import { startCrucible } from "./start-crucible.ts";
import type { OwnCrucible } from "./start-crucible.ts";

const CLI = join(import.meta.dirname, "..", "apps", "cli", "src", "main.ts");
const programs = await loadPrograms();
const requestOf = (program: (typeof programs)[number]): RunRequestInput => {
  const { id: _, expected: __, ...request } = program;
  return request as RunRequestInput;
};
let server: OwnCrucible;
let installed: ReadonlySet<string>;
let directory: string;
let client: Client;
let accepted: ReadonlyMap<string, Run>;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "crucible-programs-"));
  server = await startCrucible();
  client = createClient({ baseUrl: server.url, apiKey: server.apiKey });
  installed = new Set((await client.listLanguages()).map(({ name }) => name));
  // All at once: the queue hands them to the workers, and each test waits for its own.
  const runnable = programs.filter(({ language }) => installed.has(language));
  const runs = await client.createBatch(runnable.map(requestOf));
  accepted = new Map(runnable.map(({ id }, i) => [id, runs[i] as Run]));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test("the data set has at least 40 programs in 7 languages that every full host has, one over a limit in each", () => {
  const core = ["python", "javascript", "typescript", "bash", "c", "c++", "perl"];
  expect(programs.filter(({ language }) => core.includes(language)).length).toBeGreaterThanOrEqual(40);
  const limited = programs.filter(({ limits }) => limits !== undefined).map(({ language }) => language);
  expect(
    [...new Set(programs.map(({ language }) => language))].filter((language) => !limited.includes(language)),
  ).toEqual([]);
  expect(new Set(programs.map(({ id }) => id)).size).toBe(programs.length);
});

describe("over HTTP, through queue and sandbox", () => {
  for (const { id, language, expected } of programs) {
    test(id, async (context) => {
      context.skip(!installed.has(language), `${language} is not installed on this host`);
      const { outcome } = await client.waitForRun(accepted.get(id)?.id ?? "");
      expect(outcome).toMatchObject(expected);
      expect(outcome?.isolation).not.toBe("none");
    });
  }
});

describe("as a batch file", () => {
  const batch = async (env: Record<string, string>, rows: typeof programs, out: string) => {
    const file = join(directory, "programs.jsonl");
    await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const path = join(directory, out);
    const executed = await execute([process.execPath, CLI, "batch", file, "--json", "--quiet", "--out", path], { env });
    const results = (await readFile(path, "utf8")).trimEnd().split("\n");
    return { ...executed, ids: results.map((line) => (JSON.parse(line) as { id: string }).id) };
  };

  test("without a server", async () => {
    const rows = programs.filter(({ language }) => installed.has(language));
    const { code, stdout, stderr, ids } = await batch({ CRUCIBLE_URL: "" }, rows, "local.jsonl");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ total: rows.length, passed: rows.length, failed: 0, bad: 0 });
    expect(ids.toSorted()).toEqual(rows.map(({ id }) => id).toSorted());
  });

  test("on a server", async () => {
    const env = { CRUCIBLE_URL: server.url, CRUCIBLE_API_KEY: server.apiKey };
    const quick = programs.filter(({ language, limits }) => ["python", "bash", "c"].includes(language) && !limits);
    const rows = quick.filter(({ language }) => installed.has(language));
    const { code, stdout, stderr } = await batch(env, rows, "remote.jsonl");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({ total: rows.length, passed: rows.length, failed: 0, bad: 0 });
  });
});
