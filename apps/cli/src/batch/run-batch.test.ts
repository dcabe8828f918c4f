import type { Outcome, RunRequestInput } from "@crucible/contract";
import { expect, test } from "vitest";
import type { BackendRunOptions } from "../backend/types.ts";
import { RefusedProblem } from "../problem.ts";
import type { NumberedLine } from "./lines.ts";
import { keyOf } from "./results.ts";
import type { BatchResult, ResultFile, Verdict } from "./results.ts";
import { runBatch } from "./run-batch.ts";
import { anOutcome } from "./testing.ts";

type Run = (request: RunRequestInput, options: BackendRunOptions) => Promise<Outcome>;

async function* linesOf(values: readonly (object | string)[]): AsyncGenerator<NumberedLine> {
  for (const [i, value] of values.entries()) {
    yield { number: i + 1, text: typeof value === "string" ? value : JSON.stringify(value) };
  }
}

function setUp(given: {
  values: readonly (object | string)[];
  run?: Run;
  concurrency?: number;
  done?: ReadonlyMap<string, Verdict>;
  signal?: AbortSignal;
}) {
  const kept: BatchResult[] = [];
  const notes: string[] = [];
  const started: string[] = [];
  const results: ResultFile = {
    done: given.done ?? new Map(),
    unreadable: 0,
    append: async (result) => void kept.push(result),
    async [Symbol.asyncDispose]() {},
  };
  const summary = runBatch({
    backend: {
      run: async (request, options = {}) => {
        started.push(request.code ?? "");
        return { runId: null, outcome: await (given.run ?? (async () => anOutcome()))(request, options) };
      },
    },
    lines: linesOf(given.values),
    name: "in",
    concurrency: given.concurrency ?? 2,
    progress: { step: () => {}, skip: () => {}, note: (line) => void notes.push(line), end: () => {} },
    results,
    signal: given.signal ?? new AbortController().signal,
  });
  return { summary, kept, notes, started };
}

const program = (code: string, more: object = {}) => ({ language: "python", code, ...more });

test("runs every line and counts by expectation and status", async () => {
  const { summary, kept, notes } = setUp({
    values: [program("a", { expected: { stdout: "a" } }), program("b", { expected: { stdout: "x" } }), program("c")],
    run: async ({ code }) => anOutcome({ stdout: code ?? "" }),
  });
  expect(await summary).toMatchObject({
    total: 3,
    passed: 1,
    failed: 1,
    unchecked: 1,
    bad: 0,
    byStatus: { exited: 3 },
  });
  expect(kept).toHaveLength(3);
  expect(notes).toEqual(["in:2: line-2: stdout differs from byte 0 on (1 bytes, not 1)"]);
});

test("never runs more at once than asked, nor reads further ahead", async () => {
  let running = 0;
  let most = 0;
  const { summary } = setUp({
    values: Array.from({ length: 20 }, (_, i) => program(String(i))),
    concurrency: 3,
    run: async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
      running--;
      return anOutcome();
    },
  });
  expect((await summary).total).toBe(20);
  expect(most).toBe(3);
});

test("bad lines are told by number, and the others run", async () => {
  const { summary, notes, started } = setUp({
    values: ["{", program("ok", { id: "x" }), { language: "python" }, program("again", { id: "x" })],
  });
  expect(await summary).toMatchObject({ total: 1, bad: 3 });
  expect(started).toEqual(["ok"]);
  expect(notes.map((note) => note.split(":").slice(0, 2).join(":"))).toEqual(["in:1", "in:3", "in:4"]);
});

test("lines with a result are not run again, unless they changed", async () => {
  const first = setUp({ values: [program("a", { id: "a" }), program("b", { id: "b", expected: { exitCode: 3 } })] });
  await first.summary;
  const done = new Map(
    first.kept.map((result) => [keyOf(result), { passed: result.passed, status: result.outcome.status }]),
  );
  const second = setUp({
    values: [
      program("changed", { id: "a" }),
      program("b", { id: "b", expected: { exitCode: 3 } }),
      program("c", { id: "c" }),
    ],
    done,
  });
  expect(await second.summary).toMatchObject({ total: 3, resumed: 1, failed: 1 });
  expect(second.started.toSorted()).toEqual(["c", "changed"]);
});

test("an interrupt ends what runs and keeps nothing of it", async () => {
  const controller = new AbortController();
  const { summary, kept } = setUp({
    values: Array.from({ length: 10 }, (_, i) => program(String(i))),
    signal: controller.signal,
    concurrency: 2,
    run: async ({ code }, { signal }) => {
      if (code === "0") return anOutcome();
      if (code === "2") controller.abort();
      await new Promise<void>((resolve) => {
        if (signal?.aborted === true) resolve();
        signal?.addEventListener("abort", () => resolve());
      });
      return anOutcome({ status: "cancelled", exitCode: null });
    },
  });
  expect(await summary).toMatchObject({ total: 1 });
  expect(kept.map(({ id }) => id)).toEqual(["line-1"]);
});

test("a request that the backend refuses is a bad line like any other", async () => {
  const { summary, notes } = setUp({
    values: [program("a"), program("b")],
    run: async ({ code }) => {
      if (code === "a") throw new RefusedProblem("unknown language", null);
      return anOutcome();
    },
  });
  expect(await summary).toMatchObject({ total: 1, bad: 1 });
  expect(notes).toEqual(["in:1: unknown language"]);
});

test("a backend that fails stops the batch and cancels the rest", async () => {
  let cancelled = 0;
  const { summary } = setUp({
    values: Array.from({ length: 10 }, (_, i) => program(String(i))),
    concurrency: 3,
    run: async ({ code }, { signal }) => {
      if (code === "2") throw new Error("the server is gone");
      await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
      cancelled++;
      return anOutcome({ status: "cancelled", exitCode: null });
    },
  });
  await expect(summary).rejects.toThrow("the server is gone");
  expect(cancelled).toBe(2);
});
