import { MAX_DEPTH, stringsOf } from "../pipeline/strings.ts";
import { createScreen } from "./screen.ts";
import type { Finders } from "./inspect.ts";
import type { OutputParts, OutputPlace, OutputRequest, OutputVerdict, ScreenedOutput } from "./types.ts";

/** Keys of a choice or message whose strings steer a client and are no text of the model. */
const QUIET_KEYS = new Set(["role", "id", "type", "finish_reason", "logprobs", "object"]);

type Fields = Readonly<Record<string, unknown>>;

/** A string of an answer, and where it stands. */
interface Leaf {
  readonly path: readonly (string | number)[];
  readonly place: OutputPlace;
  /** JSON where it stands for an object. */
  readonly text: string;
  readonly isObject?: boolean;
}

/** Screens a whole answer with the screen of streams: the same text has the same verdict either way. */
export async function screenWhole(
  choices: readonly unknown[],
  parts: OutputParts,
  request: OutputRequest,
  finders: Finders,
): Promise<ScreenedOutput> {
  const screen = createScreen(parts, request, finders);
  const changes: (Leaf & { readonly to: string })[] = [];
  for (const [index, choice] of choices.entries()) {
    const leaves: Leaf[] = [];
    if (!collect(choice, [], index, leaves)) return { verdict: tooDeep(index), choices };
    for (const leaf of leaves) {
      const released = [...(await screen.push(leaf.place, leaf.text)).released, ...(await screen.end()).released];
      if (!screen.verdict().admitted) return { verdict: screen.verdict(), choices };
      const to = released.map(({ text }) => text).join("");
      if (to !== leaf.text) changes.push({ ...leaf, to });
    }
  }
  if (changes.length === 0) return { verdict: screen.verdict(), choices };
  const changed = [...choices];
  for (const { path, place, to, isObject } of changes) {
    changed[place.choice] = replaced(changed[place.choice], path, isObject === true ? objectOf(to) : to);
  }
  for (const { place } of changes) changed[place.choice] = withoutLogprobs(changed[place.choice]);
  return { verdict: screen.verdict(), choices: changed };
}

/** All strings of a choice that are text of the model; false where it is nested too deeply to be an answer. */
function collect(value: unknown, path: readonly (string | number)[], choice: number, leaves: Leaf[]): boolean {
  if (typeof value === "string") {
    if (value !== "") leaves.push({ path, text: value, place: placeOf(path, choice) });
    return true;
  }
  if (typeof value !== "object" || value === null) return true;
  if (path.length >= MAX_DEPTH) return false;
  const place = placeOf(path, choice);
  if (place.kind === "tool_call") {
    // Some servers have parsed them: keys and types are the model's words in there, too.
    if (stringsOf(value) === null) return false;
    leaves.push({ path, place, text: JSON.stringify(value), isObject: true });
    return true;
  }
  return Object.entries(value).every(
    ([key, inner]) =>
      (!Array.isArray(value) && QUIET_KEYS.has(key)) ||
      collect(inner, [...path, Array.isArray(value) ? Number(key) : key], choice, leaves),
  );
}

/** `message.tool_calls[0].function.arguments` is a tool call, and so is the input of a custom one. */
function placeOf(path: readonly (string | number)[], choice: number): OutputPlace {
  const inner = path[0] === "message" ? path.slice(1) : path;
  const [first, call] = inner;
  const last = inner.at(-1);
  if (first === "function_call" && last === "arguments") return { kind: "tool_call", choice, call: 0 };
  if (first === "tool_calls" && typeof call === "number" && (last === "arguments" || last === "input")) {
    return { kind: "tool_call", choice, call };
  }
  const field = inner.map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`)).join("");
  return { kind: "text", choice, field: field.replace(/^\./, "") };
}

/** The object again; its text where replacing has left no JSON. */
function objectOf(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json;
  }
}

function replaced(value: unknown, [key, ...rest]: readonly (string | number)[], to: unknown): unknown {
  if (key === undefined) return to;
  if (Array.isArray(value)) return (value as unknown[]).with(Number(key), replaced(value[Number(key)], rest, to));
  return { ...(value as Fields), [key]: replaced((value as Fields)[key], rest, to) };
}

function withoutLogprobs(choice: unknown): unknown {
  return typeof choice === "object" && choice !== null && "logprobs" in choice ? { ...choice, logprobs: null } : choice;
}

function tooDeep(choice: number): OutputVerdict {
  const place: OutputPlace = { kind: "text", choice, field: "message" };
  const nowhere = { start: null, length: null, via: [], probability: null, evidence: [] };
  return {
    decision: "block",
    admitted: false,
    findings: [{ check: "text", kind: "too_deep", action: "block", place, ...nowhere }],
    failures: [],
    perStage: [],
    latencyMs: 0,
  };
}
