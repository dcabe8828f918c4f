import fc from "fast-check";
import { expect, it } from "vitest";
import { readCrucibleJson, readSettings } from "./config.ts";

const KEYS = ["id2label", "num_labels", "problem_type", "vocab_size", "max_position_embeddings", "pad_token_id"];
const OURS = ["input", "windowTokens", "strideTokens", "stack", "attackLabels", "activation", "onnxFile"];
const label = fc.constantFrom("SAFE", "INJECTION", "JAILBREAK", "LABEL_0", "LABEL_1", "", "CAT");
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.integer({ min: -2, max: 600 }),
  fc.dictionary(fc.constantFrom("0", "1", "2", "x"), label),
  fc.array(label, { maxLength: 3 }),
);
const objectOf = (keys: readonly string[]) =>
  fc.oneof({ weight: 9, arbitrary: fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 2 }) }, fc.jsonValue());

it("gives settings that fit together, or the file and the reason, for any JSON", () => {
  let accepted = 0;
  fc.assert(
    fc.property(objectOf(KEYS), objectOf(["model_max_length"]), objectOf(OURS), (config, tokenizerConfig, ours) => {
      const crucible = readCrucibleJson(ours);
      if (typeof crucible === "string") {
        expect(crucible).not.toBe("");
        return;
      }
      const read = readSettings({ config, tokenizerConfig }, crucible);
      if ("reason" in read) {
        expect(`${read.file} ${read.reason}`).toMatch(/^[\w.]+\.json \S/);
        return;
      }
      accepted++;
      const { labels, attacks, activation, windowTokens, strideTokens } = read.settings;
      expect(attacks.length).toBeGreaterThan(0);
      expect(attacks.every((at) => labels[at] !== undefined)).toBe(true);
      if (activation === "softmax") expect(attacks.length).toBeLessThan(labels.length);
      expect(windowTokens).toBeGreaterThanOrEqual(16);
      expect(strideTokens).toBeLessThan(windowTokens);
    }),
    { numRuns: 2_000 },
  );
  expect(accepted).toBeGreaterThan(10);
});
