import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createBayesStage, evaluate, reportHtml, reportTable, type ScoredRow } from "@crucible/guard";
import { createProgress } from "../../batch/progress.ts";
import { type Io, write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { type ModelOptions, openModel } from "./model.ts";
import { readData } from "./rows.ts";

/** The options of `crucible guard eval`, parsed. */
export interface EvalOptions extends ModelOptions {
  readonly data: readonly string[];
  readonly json?: string;
  readonly scores?: string;
  readonly html?: string;
  readonly seed?: number;
  readonly quiet?: boolean;
}

/** Measures a model on labelled data. Exit codes: 0 measured, 2 some lines were no rows and are not in the numbers. */
export async function evalCommand(io: Io, options: EvalOptions): Promise<number> {
  const { model, thresholds } = await openModel(io, options);
  const { rows, bad } = await readData(io, options.data);
  const progress = createProgress({
    stream: io.stderr,
    total: rows.length,
    quiet: options.quiet === true,
    now: () => performance.now(),
  });
  const { report, scored } = await evaluate(rows, createBayesStage(model), {
    thresholds,
    seed: options.seed ?? 1,
    onRow: () => progress.step(false),
  })
    .catch((cause: unknown) => {
      if (!(cause instanceof RangeError)) throw cause;
      throw new CliProblem(cause.message, "label attacks 1 and all other texts 0", { cause });
    })
    .finally(() => progress.end());
  const at = (path: string): string => resolve(io.cwd, path);
  if (options.json !== undefined) await writeFile(at(options.json), `${JSON.stringify(report, null, 2)}\n`);
  if (options.html !== undefined) await writeFile(at(options.html), reportHtml(report));
  if (options.scores !== undefined)
    await pipeline(Readable.from(scoreLines(scored)), createWriteStream(at(options.scores)));
  await write(io.stdout, reportTable(report));
  if (bad > 0) await write(io.stderr, `crucible: ${bad} lines were left out\nnext: mend them and measure again\n`);
  return bad > 0 ? 2 : 0;
}

/** One line per row, in the order of the data. */
function* scoreLines(scored: readonly ScoredRow[]): Generator<string> {
  for (const { label, score, decision, stage, source, note } of scored) {
    yield `${JSON.stringify({ label, score, decision, stage, source, ...(note === "" ? {} : { note }) })}\n`;
  }
}
