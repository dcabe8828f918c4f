import type { Outcome } from "@crucible/contract";

/** From this score on a program is worth a line to a person: less is what honest programs do by mistake. */
const NOTED_SCORE = 30;

/** What a person is told of what a program tried; nothing where that is not worth a line. */
export function behaviourNotes({
  violations,
  behaviourScore,
}: Pick<Outcome, "violations" | "behaviourScore">): string[] {
  if (behaviourScore < NOTED_SCORE) return [];
  const seen = new Set(violations.map(({ kind }) => kind.replaceAll("_", " ")));
  return [`behaviour score ${behaviourScore} of 100: ${[...seen].join(", ")}`];
}
