import { ApiError } from "@crucible/contract";

/** Deeper values are refused: no honest request has them. */
const MAX_DEPTH = 64;

/** Keys of a JSON Schema, and of lists of parts, whose strings are no prose. */
const QUIET_KEYS = new Set(["type", "$ref", "$schema", "$id", "format", "required", "role", "id"]);

/** What is longer or has a blank in it is prose, whoever calls it a name. */
const NAME = /^\S{0,64}$/;

/** Whether a text is too plain to say anything to a model. */
export function isName(text: string): boolean {
  return NAME.test(text);
}

/**
 * The strings in a value that a model may read as prose, in their order: all but short keys and what only gives the
 * value its form. @throws ApiError `invalid_request` when it is nested too deeply
 */
export function proseOf(value: unknown, field: string): string[] {
  const found: string[] = [];
  const walk = (inner: unknown, depth: number): void => {
    if (typeof inner === "string") found.push(inner);
    if (typeof inner !== "object" || inner === null) return;
    if (depth === 0) throw tooDeep(field);
    if (Array.isArray(inner)) {
      for (const item of inner) walk(item, depth - 1);
      return;
    }
    for (const [key, item] of Object.entries(inner)) {
      if (!isName(key)) found.push(key);
      if (!QUIET_KEYS.has(key) || isLoud(item)) walk(item, depth - 1);
    }
  };
  walk(value, MAX_DEPTH);
  return found;
}

function isLoud(value: unknown): boolean {
  return typeof value === "string" ? !isName(value) : typeof value === "object";
}

function tooDeep(field: string): ApiError {
  return new ApiError("invalid_request", `\`${field}\` must be nested at most ${MAX_DEPTH} deep`, { field });
}
