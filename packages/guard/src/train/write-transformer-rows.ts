import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createMeasure } from "../bayes/measure.ts";
import type { BayesModel } from "../bayes/model.ts";
import { loadShippedModel } from "../bayes/shipped.ts";
import { logOddsOf } from "../bayes/stage.ts";
import { loadRows } from "../data/read.ts";
import type { Row } from "../data/row.ts";
import { modelInput } from "../normalise/model-input.ts";
import { createNormaliser } from "../normalise/normalise.ts";
import { MAX_TEXT } from "./instances.ts";
import { mayShip } from "./shipped-sources.ts";
import { trainBayes } from "./train.ts";
import { FOLDS, type TransformerRow, transformerRows } from "./transformer-rows.ts";

/**
 * Writes what the training script of the transformer reads, as JSON Lines:
 *
 *   node packages/guard/src/train/write-transformer-rows.ts --train train.jsonl --dev dev.jsonl --out FOLDER
 *
 * `train.jsonl` has the training rows, `--more` adds further generated ones. `held.jsonl` has the part that is kept out
 * for calibration, with `bayes`: log-odds of a Bayes filter that was trained without it, too. `dev.jsonl` has the dev rows with the log-odds of the shipped filter: they are measured
 * on, never trained on. `other.jsonl` has the rows of the training file whose licence keeps them out, likewise.
 */
const { values } = parseArgs({
  options: {
    train: { type: "string" },
    dev: { type: "string" },
    out: { type: "string" },
    generated: { type: "string", default: "12000" },
    more: { type: "string", default: "0" },
    seed: { type: "string", default: "1" },
    input: { type: "string", default: "normalised" },
  },
});
const { train: trainPath, dev: devPath, out, input } = values;
if (trainPath === undefined || devPath === undefined || out === undefined) {
  throw new Error(
    "wanted: --train FILE --dev FILE --out FOLDER [--generated ATTACKS] [--more ATTACKS] [--seed NUMBER] [--input raw]",
  );
}
if (input !== "normalised" && input !== "raw") throw new Error("--input is `normalised` or `raw`");
const seed = Number(values.seed);
const given = (await loadRows(trainPath)).rows;
const dev = (await loadRows(devPath)).rows;
const normalise = createNormaliser();
const logOdds = (model: BayesModel): ((text: string) => number) => {
  const measure = createMeasure(normalise, model);
  return (text) => logOddsOf(model, measure(text));
};
const write = async (name: string, rows: readonly object[]): Promise<void> => {
  await writeFile(join(out, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  process.stderr.write(`${name}: ${rows.length} rows\n`);
};

await mkdir(out, { recursive: true });
const read = (text: string): string =>
  (input === "raw" ? text : modelInput(normalise(text))).slice(0, MAX_TEXT).toWellFormed();
const unseen = dev.map(({ text }) => text);
const rows = transformerRows(given, { seed, attacks: Number(values.generated), unseen, read });
// Of another seed and in no part, so that as many as are wanted leave the last part as it is.
const more = transformerRows([], { seed: seed + 1, attacks: Number(values.more), unseen, read });
const others = rows.filter(({ fold }) => fold < FOLDS - 1);
const lean = ({ input, label, source, note }: TransformerRow): object => ({ input, label, source, note });
await write("train.jsonl", [...others, ...more].map(lean));
process.stderr.write("training a Bayes filter without the last part\n");
const plain = others.filter(({ source }) => source !== "padded" && source !== "replies");
const heldOut = logOdds(trainBayes(plain, { seed }).model);
const held = rows.filter(({ fold }) => fold === FOLDS - 1);
await write(
  "held.jsonl",
  held.map((row) => ({ ...lean(row), bayes: heldOut(row.text) })),
);
const shipped = logOdds(await loadShippedModel());
const measured = (row: Row): object => ({
  ...lean({ ...row, input: read(row.text), fold: 0 }),
  bayes: shipped(row.text),
});
await write("dev.jsonl", dev.map(measured));
await write("other.jsonl", given.filter(({ source }) => !mayShip(source)).map(measured));
