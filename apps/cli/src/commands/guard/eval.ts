import { createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  evaluateJudge,
  judgePolicy,
  loadStages,
  type Policy,
  reportHtml,
  reportTable,
  type Row,
  type ScoredRow,
  StageError,
} from "@crucible/guard";
import { createProgress } from "../../batch/progress.ts";
import { type Io, write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { bayesAlone, type Chosen, choosePolicy, loading, type PolicyOptions } from "./policy.ts";
import { checkFolders, readData } from "./rows.ts";

/** The options of `crucible guard eval`, parsed. */
export interface EvalOptions extends PolicyOptions {
  readonly data: readonly string[];
  readonly json?: string;
  readonly scores?: string;
  readonly html?: string;
  readonly mistakes?: number;
  readonly seed?: number;
  readonly quiet?: boolean;
}

/**
 * Measures stages on labelled data, and where there are several also the Bayes stage alone. Exit codes: 0 measured, 2
 * some lines were no rows and are not in the numbers, 4 a stage failed on a row.
 */
export async function evalCommand(io: Io, options: EvalOptions): Promise<number> {
  const chosen = await choosePolicy(io, options);
  await checkFolders(io, [options.json, options.html, options.scores]);
  const { rows, bad } = await readData(io, options.data);
  const { report, scored } = await measure(io, options, rows, chosen);
  const isCascade = chosen.policy.stages.length > 1;
  const first = isCascade ? await measure(io, options, rows, await aloneOf(io, chosen)) : undefined;
  const alone = first?.report;
  const at = (path: string): string => resolve(io.cwd, path);
  if (options.json !== undefined) {
    const whole = { ...report, ...(alone === undefined ? {} : { alone }) };
    await writeFile(at(options.json), `${JSON.stringify(whole, null, 2)}\n`);
  }
  if (options.html !== undefined) await writeFile(at(options.html), reportHtml(report, alone));
  if (options.scores !== undefined)
    await pipeline(Readable.from(scoreLines(scored)), createWriteStream(at(options.scores)));
  await write(io.stdout, reportTable(report, alone));
  if (bad > 0) await write(io.stderr, `crucible: ${bad} lines were left out\nnext: mend them and measure again\n`);
  return bad > 0 ? 2 : 0;
}

async function measure(io: Io, options: EvalOptions, rows: readonly Row[], { policy, options: guard }: Chosen) {
  const { stages, close } = await loading(async () => await loadStages(policy, guard));
  await using undo = new AsyncDisposableStack();
  undo.defer(close);
  const now = (): number => performance.now();
  const progress = createProgress({ stream: io.stderr, total: rows.length, quiet: options.quiet === true, now });
  undo.defer(() => progress.end());
  const judge = judgePolicy(
    policy,
    stages.map(({ stage }) => stage),
    now,
  );
  const { seed = 1, mistakes = 25 } = options;
  return await evaluateJudge(rows, judge, { seed, mistakes, onRow: () => progress.step(false) }).catch(
    (cause: unknown) => {
      if (cause instanceof StageError) {
        throw new CliProblem(cause.message, "a report without these rows would be too good; mend the stage", {
          exitCode: 4,
          cause,
        });
      }
      if (!(cause instanceof RangeError)) throw cause;
      throw new CliProblem(cause.message, "label attacks 1 and all other texts 0", { cause });
    },
  );
}

/** The Bayes stage with the thresholds it has by itself, on the model that the cascade uses. */
async function aloneOf(io: Io, { policy, options: guard }: Chosen): Promise<Chosen> {
  const named = policy.stages.find(({ name }) => name === "bayes")?.model;
  const model = named === undefined ? undefined : resolve(guard.baseDir ?? io.cwd, named);
  const only = await bayesAlone(io, model === undefined ? {} : { model });
  const alone: Policy = { ...policy, stages: only.policy.stages };
  return { policy: alone, options: { ...guard, models: only.models } };
}

/** One line per row, in the order of the data. */
function* scoreLines(scored: readonly ScoredRow[]): Generator<string> {
  for (const { label, score, probability, decision, stage, source, note } of scored) {
    yield `${JSON.stringify({ label, score, decision, stage, probability, source, ...(note === "" ? {} : { note }) })}\n`;
  }
}
