import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { tinyOnnx, type TinyModel } from "./onnx.ts";

/** Words that the tiny tokenizers know, and what they add to the logits `[SAFE, INJECTION]`. */
const WORDS = { hello: [0.5, -0.5], attack: [-3, 3], slow: [0, 0] } as const;
/** Rows of the matrix that each `slow` adds, see `TinyModel.rows`. */
const SLOW_ROWS = 500;
const SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];
const TOKENS = [...SPECIALS, ...Object.keys(WORDS)];

/** What a folder differs in from a plain one. */
export interface FolderOptions {
  readonly model?: Partial<TinyModel>;
  readonly tokenizer?: "wordpiece" | "unigram";
  readonly config?: object;
  readonly crucible?: object;
  /** More files, or others in place of those above; null for none. */
  readonly files?: Readonly<Record<string, string | Uint8Array | null>>;
}

/** A folder that is removed at the end of its scope. */
export interface ModelFolder extends AsyncDisposable {
  readonly path: string;
}

/** Writes a model that a test can predict, as a hub would have it. */
export async function modelFolder(options: FolderOptions = {}): Promise<ModelFolder> {
  const { tokenizer = "wordpiece", crucible, model } = options;
  const scores = [...SPECIALS.map(() => [0, 0]), ...Object.values(WORDS)];
  const rows = TOKENS.map((token) => (token === "slow" ? SLOW_ROWS : 0));
  const made = tinyOnnx({ scores, rows, ...model });
  const files: Record<string, string | Uint8Array | null> = {
    "config.json": JSON.stringify({
      model_type: "tiny",
      id2label: { 0: "SAFE", 1: "INJECTION" },
      vocab_size: TOKENS.length,
      max_position_embeddings: 512,
      pad_token_id: 0,
      ...options.config,
    }),
    "tokenizer.json": JSON.stringify(tokenizer === "wordpiece" ? wordPiece() : unigram()),
    "tokenizer_config.json": JSON.stringify({ model_max_length: 1e30, unk_token: "[UNK]" }),
    ...(crucible === undefined ? {} : { "crucible.json": JSON.stringify(crucible) }),
    "onnx/model.onnx": made.model,
    ...(model?.externalData === undefined ? {} : { [`onnx/${model.externalData}`]: made.data }),
    ...options.files,
  };
  const path = await mkdtemp(join(tmpdir(), "crucible-model-"));
  for (const [name, content] of Object.entries(files)) {
    if (content === null) continue;
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true }) };
}

const template = {
  type: "TemplateProcessing",
  single: [
    { SpecialToken: { id: "[CLS]", type_id: 0 } },
    { Sequence: { id: "A", type_id: 0 } },
    { SpecialToken: { id: "[SEP]", type_id: 0 } },
  ],
  pair: [],
  special_tokens: {
    "[CLS]": { id: "[CLS]", ids: [2], tokens: ["[CLS]"] },
    "[SEP]": { id: "[SEP]", ids: [3], tokens: ["[SEP]"] },
  },
};
// As exports have it: what would cut a text silently if it were heeded.
const truncation = { direction: "Right", max_length: 8, strategy: "LongestFirst", stride: 0 };
const base = { version: "1.0", truncation, padding: null, added_tokens: [], decoder: null, post_processor: template };

/** As BERT has it. */
const wordPiece = () => ({
  ...base,
  normalizer: {
    type: "BertNormalizer",
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: "BertPreTokenizer" },
  model: {
    type: "WordPiece",
    unk_token: "[UNK]",
    continuing_subword_prefix: "##",
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(TOKENS.map((token, id) => [token, id])),
  },
});

/** As DeBERTa v2 and v3 have it: SentencePiece pieces with scores. */
const unigram = () => ({
  ...base,
  normalizer: {
    type: "Sequence",
    normalizers: [{ type: "Strip", strip_left: true, strip_right: true }, { type: "NFKC" }],
  },
  pre_tokenizer: { type: "Metaspace", replacement: "\u2581", prepend_scheme: "always", split: true },
  model: {
    type: "Unigram",
    unk_id: 1,
    vocab: TOKENS.map((token) => [
      SPECIALS.includes(token) ? token : `\u2581${token}`,
      SPECIALS.includes(token) ? 0 : -2,
    ]),
    byte_fallback: false,
  },
});
