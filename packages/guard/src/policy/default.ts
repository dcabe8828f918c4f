import { fileURLToPath } from "node:url";
import { DEFAULT_OUTPUT } from "../output/policy.ts";
import { type Policy, ROLES } from "./types.ts";

/** Stages that a policy file can name. */
export const STAGE_NAMES: readonly string[] = ["bayes", "transformer"];

/**
 * The policy where no other is given, and what a policy file leaves out. The thresholds are those of the shipped models:
 * Bayes decides what it is sure of, some 87% of the dev rows. `policies/default.yaml` says the same.
 */
export const DEFAULT_POLICY: Policy = {
  version: 1,
  stages: [
    { name: "bayes", allowBelow: 0.015, blockAtOrAbove: 0.99, timeoutMs: 1_000, fail: "closed" },
    // Time for some 300,000 characters of prose that Bayes leaves open, on one core.
    { name: "transformer", allowBelow: 0.25, blockAtOrAbove: 0.5, timeoutMs: 5_000, fail: "closed" },
  ],
  screen: { roles: ROLES, textParts: true, toolCalls: true, toolResults: true, joinTurns: 4 },
  // As long as a block of the Bayes stage: 1 ms of work, then the deadline is looked at again.
  window: { size: 16_384, overlap: 1_024 },
  cache: { maxEntries: 10_000, ttlMs: 3_600_000 },
  output: DEFAULT_OUTPUT,
  evidence: 5,
  storeText: false,
};

/** The default policy with the Bayes stage alone, and the thresholds that its filter has by itself. */
export const BAYES_POLICY: Policy = {
  ...DEFAULT_POLICY,
  stages: [{ name: "bayes", allowBelow: 0.019, blockAtOrAbove: 0.46, timeoutMs: 1_000, fail: "closed" }],
};

/** Where the default policy lies as a file. */
export function defaultPolicyPath(): string {
  return fileURLToPath(new URL("../../policies/default.yaml", import.meta.url));
}
