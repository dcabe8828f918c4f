import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { performance } from "node:perf_hooks";
import {
  type Balance,
  createBayesStage,
  createNormaliser,
  encodeModel,
  evaluate,
  madeRows,
  nearDuplicateGroups,
  reportTable,
  splitRows,
  trainBayes,
} from "@crucible/guard";
import { createProgress } from "../../batch/progress.ts";
import { type Io, write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { checkFolders, readData } from "./rows.ts";

/** The options of `crucible guard train`, parsed. */
export interface TrainOptions {
  readonly data: readonly string[];
  readonly out: string;
  readonly name: string;
  readonly testShare: number;
  readonly blockFpr: number;
  readonly generated: number;
  readonly seed: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Trains a model, measures it on rows it has not seen, and writes it. Exit codes: 0, or 2 when lines were left out. */
export async function trainCommand(io: Io, options: TrainOptions): Promise<number> {
  const { seed } = options;
  await checkFolders(io, [options.out]);
  const { rows, bad } = await readData(io, options.data);
  const groups = nearDuplicateGroups(
    rows.map(({ text }) => text),
    createNormaliser(),
  );
  const { train, test } = splitRows(rows, groups, options.testShare, seed);
  // Generated rows only teach: measured on them, any model looks perfect.
  const made = madeRows(seed, options.generated);
  let progress: ReturnType<typeof createProgress> | null = null;
  let trained: ReturnType<typeof trainBayes>;
  try {
    trained = trainBayes(
      [...train, ...made],
      {
        name: options.name,
        blockFpr: options.blockFpr,
        seed,
        origin: { files: options.data.length, rows: train.length, generated: made.length, seed },
      },
      (done, total, what) => {
        progress ??= createProgress({
          stream: io.stderr,
          total,
          quiet: options.quiet === true,
          now: () => performance.now(),
        });
        if (done > 0) progress.step(false);
        if (options.quiet !== true) progress.note(what);
      },
    );
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new CliProblem(cause.message, "give more rows of both labels, or --generated 2000", { cause });
  } finally {
    (progress as ReturnType<typeof createProgress> | null)?.end();
  }
  const { model, report } = trained;
  const bytes = encodeModel(model);
  await writeFile(resolve(io.cwd, options.out), bytes);
  const measurable = test.some(({ label }) => label === 1) && test.some(({ label }) => label === 0);
  const measured = measurable
    ? await evaluate(test, createBayesStage(model), { thresholds: model.thresholds, seed })
    : null;
  if (options.json === true) {
    await write(io.stdout, `${JSON.stringify({ ...report, test: measured?.report ?? null })}\n`);
  } else {
    await write(io.stdout, balanceText(report.balance));
    await write(
      io.stdout,
      measured === null
        ? "\nnot measured: the test part has rows of one label only\n"
        : `\non ${test.length} rows that were held back:\n\n${reportTable(measured.report)}`,
    );
    await write(io.stdout, `\nwrote ${options.out}, ${bytes.length} bytes\n`);
  }
  if (bad > 0) await write(io.stderr, `crucible: ${bad} lines were left out\nnext: mend them and train again\n`);
  return bad > 0 ? 2 : 0;
}

/** What the data is like, with a warning where it would teach the wrong thing. */
function balanceText(balance: Balance): string {
  const { attacks, others, attackLength, otherLength, lengthAuc, nearDuplicates } = balance;
  const lines = [
    `attacks  ${attacks}, median ${attackLength.median} characters, 95% below ${attackLength.p95}`,
    `others   ${others}, median ${otherLength.median} characters, 95% below ${otherLength.p95}`,
    `near-duplicates  ${nearDuplicates}, never on both sides of a split`,
  ];
  if (Math.abs(lengthAuc - 0.5) > 0.15) {
    lines.push(
      `warning: length alone reaches a ROC-AUC of ${lengthAuc.toFixed(2)}; add long harmless or short attack texts`,
    );
  }
  if (attacks * 50 < others) lines.push("warning: fewer than one attack among fifty texts; --generated adds some");
  return `${lines.join("\n")}\n`;
}
