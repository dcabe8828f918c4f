import type { Row } from "../data/row.ts";
import { everydayTexts } from "../everyday/everyday.ts";
import { shortReplies } from "../everyday/replies.ts";
import { generate } from "../generator/index.ts";
import { createNormaliser } from "../normalise/normalise.ts";
import { nearDuplicateGroups } from "./duplicates.ts";
import { MAX_TEXT } from "./instances.ts";
import { padRows } from "./padding.ts";
import { seededRandom } from "./random.ts";
import { mayShip } from "./shipped-sources.ts";
import { dealFolds } from "./split.ts";

/** One row as the training script of the transformer reads it. */
export interface TransformerRow extends Row {
  /** The text as the runtime feeds it. */
  readonly input: string;
  /** The part of the data it is in, 0 to `FOLDS` - 1; near-duplicates are in one part. */
  readonly fold: number;
}

/** Parts of the training data; the last is held out. */
export const FOLDS = 10;
/** One padded text for so many harmless public rows, and one for each attack: there are few. */
const PAD_EVERY = 3;

/** What is made for a training run. */
export interface RowOptions {
  readonly seed: number;
  /** Generated attacks; as many harmless twins come with them. */
  readonly attacks: number;
  /** Texts that no training may see: rows that are nearly one of them are left out. */
  readonly unseen: readonly string[];
  /** Makes of a text what the runtime feeds the model. */
  readonly read: (text: string) => string;
}

/**
 * Training rows: those of `given` whose licence allows commercial use, padded ones made of them, and rows made here.
 * Rows that nearly repeat a text of `unseen` are left out. The same arguments give the same rows.
 */
export function transformerRows(given: readonly Row[], options: RowOptions): TransformerRow[] {
  const { seed, attacks, unseen, read } = options;
  const normalise = createNormaliser();
  const rows = [...given.filter(({ source }) => mayShip(source)), ...made(seed, attacks)];
  const cut = (text: string): string => text.slice(0, MAX_TEXT);
  const groups = nearDuplicateGroups([...unseen.map(cut), ...rows.map(({ text }) => cut(text))], normalise);
  const taken = new Set(groups.subarray(0, unseen.length));
  const kept: { row: Row; group: number }[] = [];
  rows.forEach((row, i) => {
    const group = groups[unseen.length + i] as number;
    if (!taken.has(group)) kept.push({ row, group });
  });
  const folds = dealFolds(
    kept.map(({ row }) => row),
    kept.map(({ group }) => group),
    FOLDS,
    seed,
  );
  const all = kept.map(({ row }, i) => ({ row, fold: folds[i] as number }));
  for (let fold = 0; fold < FOLDS; fold++) {
    const inside = all.filter((each) => each.fold === fold && mayShip(each.row.source)).map(({ row }) => row);
    const padded = padRows(inside, new Float64Array(inside.length), 1, seededRandom(seed + fold), PADDED_CHARS);
    padded.forEach(({ text, label }, i) => {
      if (label === 1 || i % PAD_EVERY === 0) all.push({ row: { text, label, source: "padded", note: "" }, fold });
    });
  }
  return all.map(({ row, fold }) => ({ ...row, input: read(cut(row.text)), fold }));
}

/** How long padded texts become: most fit the model's 512 tokens. */
const PADDED_CHARS = { shortest: 200, longest: 1_400 };

function made(seed: number, attacks: number): Row[] {
  const row = (text: string, label: 0 | 1, source: string): Row => ({ text, label, source, note: "" });
  return [
    ...Array.from(generate({ seed, attacks }), ({ text, label, wrapper }) =>
      row(text, label, wrapper === "noise" ? "generated_noise" : "generated"),
    ),
    ...everydayTexts(seed, Math.round(attacks / 5)).map((text) => row(text, 0, "everyday")),
    ...[...new Set(shortReplies(seed, Math.round(attacks / 10)))].map((text) => row(text, 0, "replies")),
  ];
}
