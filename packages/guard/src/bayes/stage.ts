import { createNormaliser } from "../normalise/normalise.ts";
import type { ScreenOptions, Stage, StageScore } from "../stage.ts";
import { createExplainer } from "./evidence.ts";
import { createMeasure } from "./measure.ts";
import type { BayesModel } from "./model.ts";
import { modelHash } from "./model-file.ts";

/** The Bayes filter as a stage: answers at once, so it needs neither worker nor deadline. */
export interface BayesStage extends Stage {
  screen: (text: string, options?: ScreenOptions) => StageScore;
}

/** Builds the stage. It keeps working arrays of about 2 MB and is meant to live as long as its thread. */
export function createBayesStage(model: BayesModel): BayesStage {
  const measure = createMeasure(createNormaliser(), model);
  const explain = createExplainer(model);
  return {
    name: "bayes",
    version: `${model.name}@${modelHash(model)}`,
    screen: (text, { evidence = 0, evidenceFrom = 0 } = {}) => {
      const logOdds = Math.min(logOddsOf(model, measure(text)), mostLogOdds(text));
      const probability = 1 / (1 + Math.exp(-logOdds));
      return {
        probability,
        evidence: evidence > 0 && probability >= evidenceFrom ? explain(measure.best(), evidence) : [],
      };
    },
  };
}

/** Longer lines, in UTF-16 code units, and texts of more than eight such lines are not held back. */
const SHORT_LINE = 24;
const SHORT_TEXT = SHORT_LINE * 8;
const SHORT_WORDS = 3;
/** Highest log-odds of one line of so few words, and of several: then each has more chances to look bad. */
const MOST_OF_LINE = -0.5;
const MOST_OF_LINES = -0.7;
/** Scripts whose words stand together without blanks: a whole sentence can have 24 signs. */
const WITHOUT_BLANKS = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Khmer}\p{sc=Lao}\p{sc=Myanmar}]/u;

/**
 * How sure the filter may be at most. In "Stop." or "ok, next one" two or three n-grams are all there is, and none of
 * them was weighed against other words; so it is with four such turns that are read as one text. Such texts are left to
 * the next stage, or flagged, but not blocked here.
 */
export function mostLogOdds(text: string): number {
  if (text.length > SHORT_TEXT || WITHOUT_BLANKS.test(text)) return Number.POSITIVE_INFINITY;
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const words = lines.map((line) => line.trim().split(/\s+/).length);
  const isShort = lines.every((line, i) => line.length <= SHORT_LINE && (words[i] ?? 0) <= SHORT_WORDS);
  if (!isShort) return Number.POSITIVE_INFINITY;
  return lines.length > 1 ? MOST_OF_LINES : MOST_OF_LINE;
}

/** Log-odds that a model gives to measured features. */
export function logOddsOf({ offset, coefficients, low, high }: BayesModel, features: ArrayLike<number>): number {
  let sum = offset;
  for (let i = 0; i < coefficients.length; i++) {
    const value = Math.min(Math.max(features[i] as number, low[i] as number), high[i] as number);
    sum += (coefficients[i] as number) * value;
  }
  return sum;
}
