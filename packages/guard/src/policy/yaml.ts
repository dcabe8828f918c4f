import { isMap, isNode, LineCounter, type Pair, parseDocument, type Document } from "yaml";
import type { z } from "zod";
import type { PolicyProblem } from "./errors.ts";

/** Files of settings are short; what is longer than this many code units is none. */
const MAX_LENGTH = 65_536;

/** What a YAML text holds, or everything that is wrong with it, with its place. */
export type CheckedYaml<Value> =
  | { readonly value: Value; readonly problems: null }
  | { readonly problems: readonly PolicyProblem[]; readonly cause?: unknown };

/** Reads YAML by a schema. Never throws. */
export function checkYaml<Value>(text: string, schema: z.ZodType<Value>): CheckedYaml<Value> {
  const whole = (message: string, cause?: unknown): CheckedYaml<Value> => ({
    problems: [{ line: 1, column: 1, path: "", message }],
    cause,
  });
  if (text.length > MAX_LENGTH) return whole(`is longer than ${MAX_LENGTH} characters`);
  const lines = new LineCounter();
  let document: Document.Parsed;
  let value: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
    // Aliases that stand for aliases grow without bound; settings need few.
    value = document.toJS({ maxAliasCount: 16 });
  } catch (cause) {
    return whole(`is no YAML that can be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (document.errors.length > 0) {
    return { problems: document.errors.map(({ message, pos }) => ({ ...at(pos[0]), path: "", message })) };
  }
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { value: result.data, problems: null };
  return { problems: result.error.issues.map((issue) => ({ ...at(offsetOf(document, issue)), ...described(issue) })) };
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
