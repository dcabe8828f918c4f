import { createHash } from "node:crypto";
import { countTokens } from "./prompt.ts";

const DEFAULT_DIMENSIONS = 64;
const MAX_DIMENSIONS = 4_096;

/** A vector of length 1 that depends on the text alone. */
function vectorOf(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  let seed = createHash("sha256").update(text).digest();
  for (let i = 0; i < dimensions; i++) {
    if (i % 8 === 0 && i > 0) seed = createHash("sha256").update(seed).digest();
    vector[i] = seed.readInt32BE((i % 8) * 4) / 2 ** 31;
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

/** The answer of the stub to a request for embeddings. */
export function embeddingsFor(body: Readonly<Record<string, unknown>>, model: string): object {
  const { input, dimensions, encoding_format: format } = body;
  const texts = (Array.isArray(input) ? input : [input]).map(String);
  const wanted = typeof dimensions === "number" && Number.isInteger(dimensions) ? dimensions : DEFAULT_DIMENSIONS;
  const size = Math.min(Math.max(1, wanted), MAX_DIMENSIONS);
  const tokens = texts.reduce((sum, text) => sum + countTokens(text), 0);
  return {
    object: "list",
    model,
    data: texts.map((text, index) => {
      const vector = vectorOf(text, size);
      const embedding = format === "base64" ? Buffer.from(vector.buffer).toString("base64") : [...vector];
      return { object: "embedding", index, embedding };
    }),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}
