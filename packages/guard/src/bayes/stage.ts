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
      const probability = 1 / (1 + Math.exp(-logOddsOf(model, measure(text))));
      return {
        probability,
        evidence: evidence > 0 && probability >= evidenceFrom ? explain(measure.best(), evidence) : [],
      };
    },
  };
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
