import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCrucible } from "./src/crucible.ts";
import type { Crucible } from "./src/crucible.ts";
import { allEvents, call, events, getRun, submit } from "./src/http.ts";
import type { SseEvent } from "./src/http.ts";

let crucible: Crucible;
beforeAll(async () => {
  crucible = await openCrucible();
});
afterAll(async () => {
  await crucible[Symbol.asyncDispose]();
});

const types = (list: readonly SseEvent[]): string[] => list.map(({ data }) => data.type);
const textOf = (list: readonly SseEvent[], stream: string): string =>
  list
    .filter(({ data }) => data["stream"] === stream)
    .map(({ data }) => Buffer.from(String(data["data"]), "base64").toString())
    .join("");

describe("events", () => {
  test("tell a run from queue to end, output while it runs, and then the stream ends", async () => {
    const { id } = await submit(crucible, {
      language: "bash",
      code: "for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.3; done",
    });
    const seen = await allEvents(crucible, id);
    const stored = types(seen).filter((type) => type !== "run.output");
    expect(stored).toEqual(["run.queued", "run.started", "run.finished"]);
    expect(types(seen).at(-1)).toBe("run.finished");
    expect(textOf(seen, "stdout")).toBe("out 1\nout 2\nout 3\n");
    expect(textOf(seen, "stderr")).toBe("err 1\nerr 2\nerr 3\n");
    const numbers = seen.flatMap(({ id: number }) => (number === null ? [] : [Number(number)]));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  });

  test("of a finished run are told again from the table, and go on after Last-Event-ID", async () => {
    const { id } = await submit(crucible, { language: "bash", code: "true" });
    const first = await allEvents(crucible, id);
    const again = (await allEvents(crucible, id)).filter(({ data }) => data.type !== "run.output");
    expect(again).toEqual(first.filter(({ data }) => data.type !== "run.output"));
    const [queued] = again;
    const rest = await allEvents(crucible, id, queued?.id ?? "");
    expect(types(rest).filter((type) => type !== "run.output")).toEqual(["run.started", "run.finished"]);
  });

  test("a listener that leaves does not disturb the run or another listener", async () => {
    const { id } = await submit(crucible, { language: "bash", code: "echo on; sleep 1; echo still on" });
    const leaving = new AbortController();
    const other = allEvents(crucible, id);
    const left = (async () => {
      for await (const { data } of events(crucible, id, { signal: leaving.signal })) {
        if (data.type === "run.output") leaving.abort();
      }
    })();
    await expect(left).rejects.toThrow(/abort/i);
    expect(textOf(await other, "stdout")).toBe("on\nstill on\n");
    expect((await getRun(crucible, id)).outcome).toMatchObject({ status: "exited", stdout: "on\nstill on\n" });
  });
});

describe("a Piston client", () => {
  const execute = async (body: unknown, path = "/api/v2/execute") => await call(crucible, "POST", path, { body });
  const program = (content: string, more: object = {}) => ({
    language: "python",
    version: "*",
    files: [{ content }],
    ...more,
  });

  test.each(["/api/v2/execute", "/api/v2/piston/execute"])("runs a program at %s", async (path) => {
    const answer = await execute(
      program("import sys\nprint(input(), sys.argv[1:])", { stdin: "in", args: ["a b"] }),
      path,
    );
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      language: "python",
      version: expect.stringMatching(/^\d+\.\d+/) as string,
      run: {
        stdout: "in ['a b']\n",
        stderr: "",
        output: "in ['a b']\n",
        code: 0,
        signal: null,
        status: null,
        message: null,
      },
    });
  });

  test("gets the compile step of a compiled language", async () => {
    const good = await execute({ language: "c", version: "*", files: [{ content: "int main(void) { return 4; }" }] });
    expect(good.json).toMatchObject({ compile: { code: 0 }, run: { code: 4, status: "RE" } });
    const bad = await execute({ language: "c", version: "*", files: [{ content: "int main(void) { return x; }" }] });
    expect(bad.json).toMatchObject({ compile: { code: 1, stderr: expect.stringContaining("x") as string } });
  });

  test.each([
    ["RE", { code: 2, signal: null }, program("raise SystemExit(2)")],
    ["SG", { code: null, signal: "SIGABRT" }, program("import os; os.abort()")],
    ["TO", { code: null, signal: "SIGKILL" }, program("import time; time.sleep(60)", { run_timeout: 500 })],
  ])("is told how it ended: %s", async (status, run, body) => {
    expect((await execute(body)).json).toMatchObject({ run: { status, ...run } });
  });

  test.each(["/api/v2/runtimes", "/api/v2/piston/runtimes"])("finds the runtimes at %s", async (path) => {
    const { json } = await call(crucible, "GET", path);
    expect(json).toContainEqual(
      expect.objectContaining({ language: "python", aliases: expect.arrayContaining(["py"]) as unknown }),
    );
  });

  test.each([
    ["an unknown language", { language: "cobol", version: "*", files: [{ content: "" }] }],
    ["a version that is not here", { language: "python", version: "1.x", files: [{ content: "" }] }],
    ["no files", { language: "python", version: "*", files: [] }],
    ["no language", { version: "*", files: [{ content: "" }] }],
    ["a limit above the server's", { ...program("1"), run_timeout: 10 ** 9 }],
  ])("gets 400 and a message for %s", async (_, body) => {
    const answer = await execute(body);
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({ message: expect.stringMatching(/\S/) as string });
  });

  test("gets 415 for a body that is not JSON", async () => {
    const answer = await call(crucible, "POST", "/api/v2/execute", {
      raw: "x",
      headers: { "content-type": "text/plain" },
    });
    expect(answer.status).toBe(415);
  });
});
