import type { Row } from "../data/row.ts";

/** A text made of several rows of the training data. */
export interface Padded {
  readonly text: string;
  readonly label: 0 | 1;
  /** Weight of the row it is made around. */
  readonly weight: number;
}

/** How long padded texts become, in characters: each is drawn evenly on a logarithmic scale. */
export interface PaddedChars {
  readonly shortest: number;
  readonly longest: number;
}
const DEFAULT_CHARS: PaddedChars = { shortest: 400, longest: 8_000 };

/**
 * Makes long texts of short ones: every `every`-th row with harmless rows before and after it. Both labels are padded
 * alike, so length tells nothing, and what is learned on them is to see an attack among other text.
 */
export function padRows(
  rows: readonly Row[],
  weights: ArrayLike<number>,
  every: number,
  random: () => number,
  { shortest, longest }: PaddedChars = DEFAULT_CHARS,
): Padded[] {
  const fillers = rows.filter(({ label, text }) => label === 0 && text.length < 2_000);
  if (fillers.length === 0) return [];
  const filling = (length: number): string => {
    let text = "";
    while (text.length < length) text += `${(fillers[Math.floor(random() * fillers.length)] as Row).text}\n\n`;
    return text;
  };
  return rows.flatMap((row, i) => {
    if (i % every !== 0 || row.text.length > longest) return [];
    const length = shortest * (longest / shortest) ** random();
    const before = length * random();
    const text = `${filling(before)}${row.text}\n\n${filling(length - before)}`;
    return [{ text, label: row.label, weight: weights[i] as number }];
  });
}
