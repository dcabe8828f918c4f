import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { createBayesStage } from "../bayes/stage.ts";
import { encodeModel } from "../bayes/model-file.ts";
import { loadRows } from "../data/read.ts";
import { evaluate, isApart } from "../evaluate/evaluate.ts";
import { reportTable } from "../evaluate/table.ts";
import { madeRows } from "./made-rows.ts";
import { mayShip, SHIPPED_SOURCES } from "./shipped-sources.ts";
import { trainBayes } from "./train.ts";

/**
 * Trains the weights that this package ships:
 *
 *   node packages/guard/src/train/train-shipped.ts --train train.jsonl --dev dev.jsonl --out models/bayes-1.bin
 *
 * `--dev` decides the thresholds and nothing else. The same files and seed give the same bytes.
 */
const { values } = parseArgs({
  options: {
    train: { type: "string" },
    dev: { type: "string" },
    out: { type: "string" },
    generated: { type: "string", default: "12000" },
    seed: { type: "string", default: "1" },
  },
});
const { train: trainPath, dev: devPath, out } = values;
if (trainPath === undefined || devPath === undefined || out === undefined) {
  throw new Error("wanted: --train FILE --dev FILE --out FILE [--generated ATTACKS] [--seed NUMBER]");
}
const seed = Number(values.seed);
const given = (await loadRows(trainPath)).rows.filter(({ source }) => mayShip(source));
const made = madeRows(seed, Number(values.generated));
const { model, report } = trainBayes(
  [...given, ...made],
  {
    name: "bayes-1",
    seed,
    origin: { seed, sources: SHIPPED_SOURCES, rows: given.length, generated: made.length },
  },
  (done, total, what) => process.stderr.write(`${done}/${total} ${what}\n`),
);
process.stderr.write(`held out: ${JSON.stringify(report.heldOut)}\n`);

const dev = (await loadRows(devPath)).rows;
const stage = createBayesStage(model);
const measured = await evaluate(dev, stage, { thresholds: model.thresholds, resamples: 1 });
// The set that has more sources the model has not seen gives the higher threshold; a policy wants a round number.
const blockFrom = Math.min(
  1,
  Math.ceil(Math.max(model.thresholds.blockFrom, measured.report.recallAt1Fpr.threshold) * 100) / 100,
);
// Four fifths of the traffic and more must need no second stage; the harmless half of it decides.
const harmless = measured.scored
  .filter(({ label, note }) => label === 0 && !isApart(note))
  .map(({ score }) => score)
  .sort((a, b) => a - b);
const allowBelow = Math.min(blockFrom, Math.floor((harmless[Math.floor(harmless.length * 0.9)] ?? 0) * 1000) / 1000);
const shipped = { ...model, thresholds: { allowBelow, blockFrom } };
await writeFile(out, encodeModel(shipped));
const final = await evaluate(dev, createBayesStage(shipped), { thresholds: shipped.thresholds });
process.stdout.write(reportTable(final.report));
