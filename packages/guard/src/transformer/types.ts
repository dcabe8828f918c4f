import type { ModelFile } from "../guard/types.ts";

/** How the last logit of a cascade is made: `bayesLogit * bayes + transformerLogit * transformer + bias`. */
export interface Stack {
  readonly bayesLogit: number;
  readonly transformerLogit: number;
  readonly bias: number;
}

/** What a worker must know of a model to score texts with it. */
export interface TransformerSettings {
  /** As in `config.json`, one for each logit. */
  readonly labels: readonly string[];
  /** Positions of the labels that mean an attack. */
  readonly attacks: readonly number[];
  /** Whether the labels exclude one another. */
  readonly activation: "softmax" | "sigmoid";
  readonly padTokenId: number;
  /** Most tokens that the model reads at once, those that the tokenizer puts around the text included. */
  readonly windowTokens: number;
  /** How far a window begins behind the one before, in tokens of text. */
  readonly strideTokens: number;
  /** Whether the model was trained on texts as they are or as the normaliser leaves them. */
  readonly input: "raw" | "normalised";
}

/** A model in a folder, looked at and hashed, not yet loaded. */
export interface TransformerModel {
  readonly name: string;
  /** Name and hash over all files, for cache keys. */
  readonly version: string;
  /** Absolute. */
  readonly folder: string;
  /** Within the folder. */
  readonly onnxFile: string;
  readonly files: readonly ModelFile[];
  readonly settings: TransformerSettings;
  readonly stack: Stack | null;
}

/** What the model says about one text. */
export interface TransformerScore {
  /** Log-odds of an attack in the worst window. */
  readonly logit: number;
  /** The worst window, in tokens of the text. */
  readonly window: { readonly offset: number; readonly length: number };
  /** Tokens and windows of the whole text. */
  readonly tokens: number;
  readonly windows: number;
}
