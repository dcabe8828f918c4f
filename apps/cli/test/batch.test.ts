import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { crucible, start } from "./crucible.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "crucible-batch-"));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function file(name: string, rows: readonly (object | string)[]): Promise<string> {
  const path = join(directory, name);
  const text = rows.map((row) => `${typeof row === "string" ? row : JSON.stringify(row)}\n`).join("");
  await writeFile(path, name.endsWith(".gz") ? gzipSync(text) : text);
  return path;
}

const echo = (word: string, more: object = {}) => ({ language: "bash", code: `echo ${word}`, ...more });
const idsIn = async (path: string): Promise<string[]> =>
  (await readFile(path, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { id: string }).id);

test("all as expected: exit code 0 and a table", async () => {
  const path = await file("ok.jsonl.gz", [
    echo("a", { id: "first", expected: { stdout: "a\n" } }),
    { language: "bash", code: "exit 3", expected: { exitCode: 3 } },
    { language: "bash", code: "kill -9 $$", expected: { status: "signaled" } },
    echo("unchecked"),
  ]);
  const { code, stdout } = await crucible(["batch", path]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/exited +3\nsignaled +1\n4 runs, 3 as expected, 0 not, 1 with no expectation, /);
});

test("an expectation that failed: exit code 1, and the line says how", async () => {
  const path = await file("wrong.jsonl", [echo("a"), echo("a", { id: "b", expected: { stdout: "b\n" } })]);
  const { code, stderr } = await crucible(["batch", path, "--quiet"]);
  expect(code).toBe(1);
  expect(stderr).toBe(`${path}:2: b: stdout differs from byte 0 on (2 bytes, not 2)\n`);
});

test("bad lines: exit code 2, each with its number, and the others run", async () => {
  const path = await file("bad.jsonl", ["{", echo("a"), "", { language: "bash" }, { language: "cobol", code: "x" }]);
  const { code, stdout, stderr } = await crucible(["batch", path, "--quiet", "--json"]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/bad\.jsonl:1: not JSON/);
  expect(stderr).toMatch(/bad\.jsonl:4: code: /);
  expect(stderr).toMatch(/bad\.jsonl:5: .*cobol/);
  expect(JSON.parse(stdout.split("\n")[0] ?? "")).toMatchObject({ id: "line-2", outcome: { stdout: "a\n" } });
});

test("killed in the middle, it goes on where it stopped and runs nothing twice", async () => {
  const rows = Array.from({ length: 30 }, (_, i) => echo(`word ${i}; sleep 0.1`, { id: `run ${i}`, expected: {} }));
  const path = await file("long.jsonl", rows);
  const out = join(directory, "long.out.jsonl");
  const first = start(["batch", path, "--out", out, "--quiet", "--concurrency", "2"]);
  await expect
    .poll(async () => (await stat(out).catch(() => ({ size: 0 }))).size, { timeout: 60_000 })
    .toBeGreaterThan(2000);
  first.kill("SIGKILL");
  expect((await first.ended).code).toBeNull();
  const half = await readFile(out, "utf8");
  await writeFile(out, half.trimEnd().slice(0, -20));
  const before = half.trimEnd().split("\n").length - 1;
  const second = await crucible(["batch", path, "--out", out, "--quiet", "--json"]);
  expect(second.code).toBe(0);
  expect(JSON.parse(second.stdout)).toMatchObject({ total: 30, passed: 30, resumed: before });
  const ids = await idsIn(out);
  expect(ids.toSorted()).toEqual(rows.map((_, i) => `run ${i}`).toSorted());
});

test("Ctrl-C keeps what was finished and says how to go on", async () => {
  const rows = [echo("quick", { id: "quick" }), { id: "slow", language: "bash", code: "sleep 60" }];
  const path = await file("interrupted.jsonl", rows);
  const out = join(directory, "interrupted.out.jsonl");
  const running = start(["batch", path, "--out", out, "--quiet"]);
  await expect
    .poll(async () => (await stat(out).catch(() => ({ size: 0 }))).size, { timeout: 30_000 })
    .toBeGreaterThan(0);
  running.kill("SIGINT");
  const { code, stderr } = await running.ended;
  expect(code).toBe(130);
  expect(stderr).toContain("next: the same command goes on where it stopped");
  expect(await idsIn(out)).toEqual(["quick"]);
});

test("a file that unpacks to far more is refused before anything runs", async () => {
  const path = join(directory, "bomb.jsonl.gz");
  await writeFile(path, gzipSync(Buffer.alloc(50_000_000, "{}\n")));
  const { code, stderr } = await crucible(["batch", path, "--max-input", "10MB"]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/unpacks to more than 10000000 bytes\nnext: /);
});

test("reads lines from standard input as they come", async () => {
  const { code, stdout } = await crucible(["batch", "-", "--json", "--quiet"], {
    stdin: `${JSON.stringify(echo("in"))}\n`,
  });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ id: "line-1", outcome: { stdout: "in\n" } });
});

test("a missing file is one clear line", async () => {
  const { code, stderr } = await crucible(["batch", join(directory, "nope.jsonl")]);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringMatching(/^crucible: there is no .*\nnext: check the path\n$/) as string,
  });
});
