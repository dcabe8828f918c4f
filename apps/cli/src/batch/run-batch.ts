import { performance } from "node:perf_hooks";
import type { Backend } from "../backend/types.ts";
import { RefusedProblem } from "../problem.ts";
import { mismatches, parseLine } from "./item.ts";
import type { BatchItem } from "./item.ts";
import type { NumberedLine } from "./lines.ts";
import type { Progress } from "./progress.ts";
import { keyOf } from "./results.ts";
import type { BatchResult, ResultFile } from "./results.ts";
import { createTally } from "./summary.ts";
import type { Summary } from "./summary.ts";

export interface BatchParts {
  readonly backend: Pick<Backend, "run">;
  readonly lines: AsyncIterable<NumberedLine>;
  /** For messages about lines. */
  readonly name: string;
  readonly concurrency: number;
  readonly progress: Progress;
  /** Null keeps nothing. */
  readonly results: ResultFile | null;
  readonly signal: AbortSignal;
  /** Called for every result that was not there before. */
  readonly onResult?: (result: BatchResult) => Promise<void> | void;
}

/**
 * Runs all lines, at most `concurrency` at once, and reads no further ahead than that.
 * The first error of the backend stops it: running programs are cancelled, and the error is thrown.
 */
export async function runBatch(parts: BatchParts): Promise<Summary> {
  const { backend, lines, name, concurrency, progress, results, signal } = parts;
  const started = performance.now();
  const tally = createTally();
  const seen = new Set<string>();
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);

  const refuse = (line: number, message: string): void => {
    tally.addBad();
    progress.note(`${name}:${line}: ${message}`);
    progress.step(true);
  };

  const runOne = async (item: BatchItem): Promise<void> => {
    const finished = await backend.run(item.request, { signal: stop }).catch((error: unknown) => {
      if (!(error instanceof RefusedProblem)) throw error;
      refuse(item.line, error.message);
    });
    if (finished === undefined) return;
    const { runId, outcome } = finished;
    if (outcome.status === "cancelled" && stop.aborted) return;
    const found = item.expected === null ? [] : mismatches(item.expected, outcome);
    const passed = item.expected === null ? null : found.length === 0;
    const result = { id: item.id, line: item.line, digest: item.digest, runId, passed, mismatches: found, outcome };
    await results?.append(result);
    await parts.onResult?.(result);
    tally.add({ passed, status: outcome.status }, false);
    if (passed === false) progress.note(`${name}:${item.line}: ${item.id}: ${found.join("; ")}`);
    else if (outcome.status === "sandbox_failed") {
      progress.note(`${name}:${item.line}: ${item.id}: sandbox failed: ${outcome.reason ?? "no reason given"}`);
    }
    progress.step(passed === false);
  };

  const accept = (line: NumberedLine): BatchItem | null => {
    const parsed = parseLine(line);
    if (!parsed.ok) {
      refuse(line.number, parsed.message);
      return null;
    }
    if (seen.has(parsed.item.id)) {
      refuse(line.number, `id ${JSON.stringify(parsed.item.id)} is used by an earlier line`);
      return null;
    }
    seen.add(parsed.item.id);
    const before = results?.done.get(keyOf(parsed.item));
    if (before === undefined) return parsed.item;
    tally.add(before, true);
    progress.skip(before.passed === false);
    return null;
  };

  const running = new Set<Promise<void>>();
  try {
    for await (const line of lines) {
      if (stop.aborted) break;
      const item = accept(line);
      if (item === null) continue;
      const one = runOne(item)
        .catch((error: unknown) => {
          if (!failure.signal.aborted) failure.abort(error);
        })
        .finally(() => running.delete(one));
      running.add(one);
      if (running.size >= concurrency) await Promise.race(running);
    }
  } finally {
    await Promise.all(running);
  }
  if (failure.signal.aborted) throw failure.signal.reason;
  return tally.summary(performance.now() - started);
}
