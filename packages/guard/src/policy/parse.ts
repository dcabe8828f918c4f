import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isMap, isNode, LineCounter, type Pair, parseDocument, type Document } from "yaml";
import type { z } from "zod";
import { STAGE_NAMES } from "./default.ts";
import { PolicyError, type PolicyProblem } from "./errors.ts";
import { policySchema } from "./schema.ts";
import type { Policy } from "./types.ts";

/** A policy has some 20 lines; what is longer than this many code units is none. */
const MAX_LENGTH = 65_536;

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
  const whole = (message: string, cause?: unknown): PolicyError =>
    new PolicyError(file, [{ line: 1, column: 1, path: "", message }], cause);
  if (text.length > MAX_LENGTH) throw whole(`is longer than ${MAX_LENGTH} characters`);
  const lines = new LineCounter();
  let document: Document.Parsed;
  let value: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
    // Aliases that stand for aliases grow without bound; a policy needs few.
    value = document.toJS({ maxAliasCount: 16 });
  } catch (cause) {
    throw whole(`is no YAML that can be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ message, pos }) => ({ ...at(pos[0]), path: "", message }));
    throw new PolicyError(file, problems);
  }
  const result = policySchema(stageNames).safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw new PolicyError(
    file,
    result.error.issues.map((issue) => ({ ...at(offsetOf(document, issue)), ...described(issue) })),
  );
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

function described({ path, message, input }: z.core.$ZodIssue): Pick<PolicyProblem, "path" | "message"> {
  const isMissing = input === undefined && !message.startsWith("is missing");
  return {
    path: path
      .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
      .join("")
      .replace(/^\./, ""),
    message: isMissing ? `is missing; ${message}` : message,
  };
}

/** Where the node lies that an issue is about; for an unknown key the key, for a missing one what it is missing in. */
function offsetOf(document: Document.Parsed, issue: z.core.$ZodIssue): number {
  for (let depth = issue.path.length; depth >= 0; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(issue.path.slice(0, depth), true);
    if (!isNode(node)) continue;
    if (issue.code === "unrecognized_keys" && isMap(node)) {
      const pair = node.items.find(({ key }: Pair) => isNode(key) && String(key) === issue.keys[0]);
      if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? 0;
    }
    return node.range?.[0] ?? 0;
  }
  return 0;
}
