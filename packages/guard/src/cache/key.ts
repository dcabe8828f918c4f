import { hash } from "node:crypto";
import { policyHash } from "../policy/parse.ts";
import type { Policy } from "../policy/types.ts";
import type { Stage } from "../stage.ts";

/**
 * Builds the function from texts to cache keys: SHA-256 over the text, the policy and the versions of the stages. The
 * text is the exact one, not its normal form: what had to be undone to reach that form is a feature, so that two texts
 * with the same normal form can have two verdicts, and the harmless one must not open the door for the other.
 */
export function createKey(policy: Policy, stages: readonly Stage[]): (text: string) => string {
  const versions = stages.map(({ name, version }) => [name, version]);
  // Of fixed length, so that no text can pose as another text under another policy.
  const prefix = hash("sha256", JSON.stringify([policyHash(policy), versions]));
  return (text) => `verdict:${hash("sha256", prefix + text)}`;
}
