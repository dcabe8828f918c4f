import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { STAGE_NAMES } from "./default.ts";
import { PolicyError } from "./errors.ts";
import { policySchema } from "./schema.ts";
import type { Policy } from "./types.ts";
import { checkYaml } from "./yaml.ts";

/** How a policy is read. */
export interface ParseOptions {
  /** Named in errors. Default `policy`. */
  readonly file?: string;
  /** Stages that it may name. Default those of this package. */
  readonly stageNames?: readonly string[];
}

/** Reads a policy file. Rejects with `PolicyError`, or with the system's error where the file cannot be read. */
export async function loadPolicy(path: string, options: ParseOptions = {}): Promise<Policy> {
  return parsePolicy(await readFile(path, "utf8"), { file: path, ...options });
}

/** Parses the text of a policy file. What it leaves out is as in `DEFAULT_POLICY`. @throws PolicyError */
export function parsePolicy(text: string, { file = "policy", stageNames = STAGE_NAMES }: ParseOptions = {}): Policy {
  const checked = checkYaml(text, policySchema(stageNames));
  if (checked.problems !== null) throw new PolicyError(file, checked.problems, checked.cause);
  return checked.value;
}

/**
 * SHA-256 of all of a policy that bears on a text's verdict, as 64 hexadecimal digits: part of every cache key. The
 * order of the keys in a file does not matter.
 */
export function policyHash({ stages, window, evidence }: Policy): string {
  const values = stages.map(({ name, allowBelow, blockAtOrAbove }) => [name, allowBelow, blockAtOrAbove]);
  return createHash("sha256")
    .update(JSON.stringify([1, values, window.size, window.overlap, evidence]))
    .digest("hex");
}
