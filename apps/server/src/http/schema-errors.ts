import type { z } from "zod";
import { ApiError } from "@crucible/contract";
import { knownFields } from "./schema-walk.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** `["files", 0, "path"]` as `files[0].path`; names that are no identifiers are quoted: `env["1A"]`. */
export function fieldPath(path: Path): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(String(key))) text += text === "" ? String(key) : `.${String(key)}`;
    else text += `[${JSON.stringify(String(key).slice(0, 80))}]`;
  }
  return text;
}

function valueAt(data: unknown, path: Path): unknown {
  let here = data;
  for (const key of path) {
    if (typeof here !== "object" || here === null) return undefined;
    here = (here as Record<PropertyKey, unknown>)[key];
  }
  return here;
}

const EXPECTED: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "an array",
  object: "an object",
  record: "an object",
};

const UNIT: Readonly<Record<string, (n: number | bigint) => string>> = {
  string: (n) => ` character${n === 1 ? "" : "s"} long`,
  array: (n) => ` item${n === 1 ? "" : "s"} long`,
  set: (n) => ` item${n === 1 ? "" : "s"} long`,
};

const unitOf = (origin: string, n: number | bigint): string => UNIT[origin]?.(n) ?? "";
const quoted = (values: readonly unknown[]): string => values.map((value) => `\`${String(value)}\``).join(", ");

/**
 * Of a union's branches the one that came closest: not one that lacks its field, then the one that looked deepest, then
 * the fewest issues.
 */
function closestBranch(branches: readonly (readonly Issue[])[], data: unknown, base: Path): readonly Issue[] {
  const lacks = (issues: readonly Issue[]): number =>
    Number(valueAt(data, [...base, ...(issues[0]?.path ?? [])]) === undefined);
  const depth = (issues: readonly Issue[]): number => issues[0]?.path.length ?? 0;
  return [...branches].sort((a, b) => lacks(a) - lacks(b) || depth(b) - depth(a) || a.length - b.length)[0] ?? [];
}

/** Names in quotes of the fields of which an object must have exactly one, when it has several or none of them. */
function alternatives(branches: readonly (readonly Issue[])[], value: unknown): string | null {
  if (typeof value !== "object" || value === null) return null;
  const given = Object.keys(value);
  const tooMany = branches.every((issues) => issues.every(({ code }) => code === "unrecognized_keys"));
  const names = tooMany ? given : branches.flatMap((issues) => issues.flatMap(({ path }) => path));
  return names.length > 1 && (tooMany || given.length === 0) ? quoted(names) : null;
}

interface Described {
  readonly path: Path;
  /** What would be right, as the end of a sentence that starts with the field. */
  readonly rule: string;
}

function describe(schema: z.ZodType, data: unknown, issue: Issue, base: Path): Described {
  const path = [...base, ...issue.path];
  switch (issue.code) {
    case "invalid_type": {
      const what = EXPECTED[issue.expected] ?? issue.expected;
      return { path, rule: valueAt(data, path) === undefined ? `is required and must be ${what}` : `must be ${what}` };
    }
    case "invalid_value":
      return { path, rule: `must be ${issue.values.length > 1 ? "one of " : ""}${quoted(issue.values)}` };
    case "too_small":
      return {
        path,
        rule: `must be ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}${unitOf(issue.origin, issue.minimum)}`,
      };
    case "too_big":
      return {
        path,
        rule: `must be ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}${unitOf(issue.origin, issue.maximum)}`,
      };
    case "unrecognized_keys": {
      const known = knownFields(schema, path);
      const hint = known === null ? "" : `; known here: ${quoted(known)}`;
      return { path: [...path, issue.keys[0] ?? ""], rule: `is not a known field${hint}` };
    }
    case "invalid_union": {
      const oneOf = alternatives(issue.errors, valueAt(data, path));
      if (oneOf !== null) return { path, rule: `must have exactly one of ${oneOf}` };
      const closest = closestBranch(issue.errors, data, path)[0];
      return closest === undefined
        ? { path, rule: "is not one of the allowed forms" }
        : describe(schema, data, closest, path);
    }
    case "invalid_key":
    case "invalid_element": {
      const inner = issue.issues[0];
      return {
        path,
        rule: `has a name that ${inner === undefined ? "is not allowed" : describe(schema, data, inner, path).rule}`,
      };
    }
    default:
      return { path, rule: issue.message };
  }
}

/** Whose data it was: names the thing when there is no field to name. */
export type InputPart = "body" | "query" | "params";
const WHOLE: Readonly<Record<InputPart, string>> = { body: "the body", query: "the query", params: "the path" };

function invalid(part: InputPart, { path, rule }: Described): ApiError {
  const field = fieldPath(path);
  return field === ""
    ? new ApiError("invalid_request", `${WHOLE[part]} ${rule}`)
    : new ApiError("invalid_request", `\`${field}\` ${rule}`, { field });
}

/** What `parseInput` gives. */
export type Parsed =
  | { readonly value: unknown }
  | { readonly error: ApiError; readonly path: Path; readonly issue: Issue | null };

/** Not in zod's public types; should it go, parsing stays right, and the test of a million bad items fails. */
const FIRST_ISSUE_ONLY = { abortEarly: true } as z.core.ParseContext<Issue>;

/** Parses untrusted input; the error is `invalid_request` about the first field at fault and says what would be right. */
export function parseInput(schema: z.ZodType, data: unknown, part: InputPart): Parsed {
  // One issue is told, so one is looked for: a body of a million bad items would else make a million.
  const result = schema.safeParse(data, FIRST_ISSUE_ONLY);
  if (result.success) return { value: result.data };
  const issue = result.error.issues[0];
  if (issue === undefined)
    return { error: new ApiError("invalid_request", `${WHOLE[part]} is invalid`), path: [], issue: null };
  const twice = part === "query" && Array.isArray(valueAt(data, issue.path));
  const described = twice ? { path: issue.path, rule: "must be given once" } : describe(schema, data, issue, []);
  return { error: invalid(part, described), path: issue.path, issue };
}
