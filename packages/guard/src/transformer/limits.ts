const MIB = 1024 * 1024;

/** Largest files that are read, in bytes. The largest known tokenizers have about 20 MB. */
export const MAX_FILE_BYTES = {
  "config.json": MIB,
  "tokenizer_config.json": 4 * MIB,
  "crucible.json": MIB / 16,
  "tokenizer.json": 64 * MIB,
} as const;

/** Largest model with its external data. */
export const MAX_MODEL_BYTES = 4096 * MIB;

/** Longest time for a thread to load, in milliseconds: 4 GiB come from a slow disk in half of it. */
export const MAX_LOAD_MS = 300_000;

/** Longest text in UTF-16 code units; a policy's windows cannot be longer. */
export const MAX_TEXT_LENGTH = MIB + 2;

/** Most windows of one text. With the usual 512 tokens and half of it as stride, some 131,000 tokens. */
export const MAX_WINDOWS = 512;

/** Most tokens that are scored at once, padding included: more are no faster on one thread, and need 100 MB more. */
export const MAX_BATCH_TOKENS = 1_024;

/** Texts that a worker is given at once, and their most characters together, so that none waits long for another. */
export const MAX_BATCH_TEXTS = 8;
export const MAX_BATCH_LENGTH = 4_096;
