import { z } from "zod";
import { attackLabels } from "./labels.ts";
import type { Stack, TransformerSettings } from "./types.ts";

/** What is read of `config.json`; the rest of it is the business of the model. */
const configSchema = z.object({
  model_type: z.string().max(100).default(""),
  id2label: z.record(z.string().regex(/^\d{1,4}$/), z.string().min(1).max(100)).optional(),
  num_labels: z.int().min(1).max(1_000).optional(),
  problem_type: z.string().nullish(),
  vocab_size: z.int().min(1).max(10_000_000).optional(),
  max_position_embeddings: z.int().min(-1).max(1_000_000).optional(),
  pad_token_id: z.int().min(0).nullish(),
});

/** What is read of `tokenizer_config.json`. Some exports write an absurd length, which then says nothing. */
const tokenizerConfigSchema = z.object({ model_max_length: z.number().min(1).nullish() });

/** `crucible.json`, a file of our own that a model may bring. */
const crucibleSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]{1,100}$/)
    .optional(),
  files: z.record(z.string().max(200), z.string().regex(/^[0-9a-f]{64}$/)).optional(),
  input: z.enum(["raw", "normalised"]).default("raw"),
  windowTokens: z.int().min(16).max(8_192).optional(),
  strideTokens: z.int().min(1).max(8_192).optional(),
  stack: z.strictObject({ bayesLogit: z.number(), transformerLogit: z.number(), bias: z.number() }).optional(),
  attackLabels: z.array(z.string()).min(1).optional(),
  activation: z.enum(["softmax", "sigmoid"]).optional(),
  onnxFile: z.string().max(200).optional(),
});

/** `crucible.json` after reading. */
export type CrucibleJson = z.infer<typeof crucibleSchema>;

/** Longest window where the model says nothing else, in tokens. */
const USUAL_WINDOW = 512;
/** Families whose positions begin behind the padding, so that two fewer tokens fit than there are positions. */
const OFFSET_POSITIONS = /^(roberta|xlm-roberta|camembert|longformer|mpnet|bigbird)/;

/** Parses `crucible.json`. Gives the reason where it is wrong. */
export function readCrucibleJson(value: unknown): CrucibleJson | string {
  const result = crucibleSchema.safeParse(value);
  return result.success ? result.data : problemOf(result.error);
}

/** Everything that the three files say, with the file and the reason where one is wrong. */
export function readSettings(
  files: { readonly config: unknown; readonly tokenizerConfig: unknown },
  crucible: CrucibleJson,
):
  | { settings: TransformerSettings; stack: Stack | null; vocabulary: number | null }
  | { file: string; reason: string } {
  const config = configSchema.safeParse(files.config);
  if (!config.success) return { file: "config.json", reason: problemOf(config.error) };
  const tokenizer = tokenizerConfigSchema.safeParse(files.tokenizerConfig);
  if (!tokenizer.success) return { file: "tokenizer_config.json", reason: problemOf(tokenizer.error) };
  const { model_type: type, problem_type: problem, max_position_embeddings: positions } = config.data;
  const labels = labelsOf(config.data);
  if (typeof labels === "string") return { file: "config.json", reason: labels };
  const found = attackLabels(labels, crucible.attackLabels);
  if (found.attacks === null) return { file: "config.json", reason: found.reason };
  const fits = Math.min(
    positions === undefined || positions < 1 ? USUAL_WINDOW : positions - (OFFSET_POSITIONS.test(type) ? 2 : 0),
    tokenizer.data.model_max_length ?? USUAL_WINDOW,
  );
  const windowTokens = Math.min(crucible.windowTokens ?? USUAL_WINDOW, fits);
  if (windowTokens < 16)
    return { file: "config.json", reason: `the model reads ${windowTokens} tokens; 16 are needed` };
  const strideTokens = crucible.strideTokens ?? windowTokens >> 1;
  if (strideTokens > windowTokens - 8) {
    return {
      file: "crucible.json",
      reason: `strideTokens ${strideTokens} leaves gaps between windows of ${windowTokens}`,
    };
  }
  const activation =
    crucible.activation ?? (labels.length === 1 || problem === "multi_label_classification" ? "sigmoid" : "softmax");
  if (activation === "softmax" && labels.length === 1) {
    return { file: "crucible.json", reason: "softmax over one label is always 1; use sigmoid" };
  }
  return {
    settings: {
      labels,
      attacks: found.attacks,
      activation,
      padTokenId: config.data.pad_token_id ?? 0,
      windowTokens,
      strideTokens,
      input: crucible.input,
    },
    stack: crucible.stack ?? null,
    vocabulary: config.data.vocab_size ?? null,
  };
}

function labelsOf({ id2label, num_labels: count }: z.infer<typeof configSchema>): readonly string[] | string {
  // What the transformers library writes where nobody named the labels.
  if (id2label === undefined) return Array.from({ length: count ?? 2 }, (_, i) => `LABEL_${i}`);
  const entries = Object.entries(id2label);
  const labels = entries.map((_, i) => id2label[String(i)]);
  const named = labels.filter((label) => label !== undefined);
  if (entries.length === 0) return "id2label is empty";
  if (named.length < entries.length) return `id2label must have the keys 0 to ${entries.length - 1}`;
  if (new Set(named).size < named.length) return "id2label gives two labels one name";
  if (count !== undefined && count !== named.length) {
    return `num_labels is ${count}, but id2label has ${named.length} labels`;
  }
  return named;
}

function problemOf(error: z.ZodError): string {
  const [issue] = error.issues;
  const path = issue?.path.join(".") ?? "";
  return `${path === "" ? "" : `${path}: `}${issue?.message ?? "cannot be used"}`;
}
