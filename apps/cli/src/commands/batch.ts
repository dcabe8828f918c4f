import { performance } from "node:perf_hooks";
import { resolve } from "node:path";
import type { Backend } from "../backend/types.ts";
import { DEFAULT_LINE_BOUNDS, readLines, streamLines } from "../batch/lines.ts";
import type { LineBounds, NumberedLine } from "../batch/lines.ts";
import { createProgress } from "../batch/progress.ts";
import { openResults } from "../batch/results.ts";
import { runBatch } from "../batch/run-batch.ts";
import { summaryText } from "../batch/summary.ts";
import type { Summary } from "../batch/summary.ts";
import type { Io } from "../io.ts";
import { interruptible, write } from "../io.ts";

/** The options of `crucible batch`, parsed. */
export interface BatchOptions {
  readonly out?: string;
  readonly concurrency?: number;
  readonly maxInputBytes?: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/**
 * Runs a file of run requests. Exit codes: 0 all as expected, 1 an expectation failed, 2 a line was bad or a sandbox
 * broke (nothing can be said about that program), 130 interrupted.
 */
export async function batchCommand(io: Io, backend: Backend, file: string, options: BatchOptions): Promise<number> {
  using interrupt = interruptible(io);
  const fromStdin = file === "-";
  const path = resolve(io.cwd, file);
  const name = fromStdin ? "stdin" : file;
  const bounds: LineBounds = {
    ...DEFAULT_LINE_BOUNDS,
    totalBytes: options.maxInputBytes ?? DEFAULT_LINE_BOUNDS.totalBytes,
  };
  const lines = (): AsyncIterable<NumberedLine> =>
    fromStdin ? streamLines(io.stdin as AsyncIterable<Buffer>, name, bounds) : readLines(path, bounds);
  // Counted first, so that the bar knows how much there is and a broken file fails before anything has run.
  const total = fromStdin ? null : await count(lines());
  await using results = options.out === undefined ? null : await openResults(resolve(io.cwd, options.out));
  const progress = createProgress({
    stream: io.stderr,
    total,
    quiet: options.quiet === true,
    now: () => performance.now(),
  });
  if (results !== null && results.unreadable > 0) {
    progress.note(`${options.out ?? ""}: ${results.unreadable} lines are no results of a batch; left alone`);
  }
  let summary: Summary;
  try {
    summary = await runBatch({
      backend,
      lines: lines(),
      name,
      concurrency: options.concurrency ?? backend.slots,
      progress,
      results,
      signal: interrupt.signal,
      // With neither a file nor a summary in JSON, the results themselves are the output.
      ...(results === null && options.json === true
        ? { onResult: async (result) => await write(io.stdout, `${JSON.stringify(result)}\n`) }
        : {}),
    });
  } finally {
    progress.end();
  }
  if (options.json !== true) await write(io.stdout, summaryText(summary));
  else if (results !== null) await write(io.stdout, `${JSON.stringify(summary)}\n`);
  if (interrupt.signal.aborted) {
    await write(io.stderr, resumeHint(options.out));
    return 130;
  }
  if (summary.bad > 0 || (summary.byStatus.sandbox_failed ?? 0) > 0) return 2;
  return summary.failed > 0 ? 1 : 0;
}

const resumeHint = (out: string | undefined): string =>
  out === undefined
    ? "crucible: interrupted\nnext: with --out FILE an interrupted batch goes on where it stopped\n"
    : "crucible: interrupted\nnext: the same command goes on where it stopped\n";

async function count(lines: AsyncIterable<NumberedLine>): Promise<number> {
  let total = 0;
  for await (const _ of lines) total++;
  return total;
}
