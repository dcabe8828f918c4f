import { ApiError } from "@crucible/contract";
import type { AnswerFormat } from "../wire/answer.ts";
import { CHAT, COMPLETION } from "../wire/chat.ts";
import { RESPONSE } from "../wire/response.ts";
import { proseOf } from "./strings.ts";

/** A body that is an object, unchecked otherwise. */
export type Body = Readonly<Record<string, unknown>>;

/** One of the endpoints that reach a model. */
export interface Surface {
  readonly name: "chat" | "completions" | "responses" | "embeddings";
  /** Below `/v1`, and below an upstream's base URL. */
  readonly path: string;
  /** The field that holds what is asked. */
  readonly field: "messages" | "prompt" | "input";
  /** What it asks, as chat messages in the same order. @throws ApiError */
  readonly asked: (body: Body) => readonly unknown[];
  /** Null where there is no answer in words. */
  readonly format: AnswerFormat | null;
}

/** The endpoints. */
export const SURFACES: readonly Surface[] = [
  {
    name: "chat",
    path: "/chat/completions",
    field: "messages",
    asked: ({ messages }) => list(messages, "messages"),
    format: CHAT,
  },
  {
    name: "completions",
    path: "/completions",
    field: "prompt",
    asked: ({ prompt }) => texts(prompt, "prompt", "user"),
    format: COMPLETION,
  },
  { name: "responses", path: "/responses", field: "input", asked: ({ input }) => items(input), format: RESPONSE },
  // Documents, not a conversation: like results of tools they are screened one by one.
  {
    name: "embeddings",
    path: "/embeddings",
    field: "input",
    asked: ({ input }) => texts(input, "input", "tool"),
    format: null,
  },
];

function invalid(field: string, rule: string): ApiError {
  return new ApiError("invalid_request", `\`${field}\` ${rule}`, { field });
}

function list(value: unknown, field: string): readonly unknown[] {
  if (Array.isArray(value) && value.length > 0) return value;
  if (Array.isArray(value)) throw invalid(field, "must have at least one item");
  throw invalid(field, value === undefined ? "is required and must be an array" : "must be an array");
}

/** A text or a list of texts. Token ids are refused: nobody can screen them without the model's own tokeniser. */
function texts(value: unknown, field: string, role: string): readonly unknown[] {
  if (typeof value === "string") return [{ role, content: value }];
  const all = Array.isArray(value) ? (value as unknown[]) : null;
  if (all === null)
    throw invalid(field, `${value === undefined ? "is required and " : ""}must be a string or an array of strings`);
  return all.map((content, i) => {
    if (typeof content === "string") return { role, content };
    throw invalid(`${field}[${i}]`, "must be a string; token ids cannot be screened");
  });
}

/** Items of the Responses API as chat messages, one each. */
function items(input: unknown): readonly unknown[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  if (!Array.isArray(input))
    throw invalid("input", `${input === undefined ? "is required and " : ""}must be a string or an array`);
  return input.map((item: unknown, i) => {
    const at = `input[${i}]`;
    if (typeof item !== "object" || item === null || Array.isArray(item)) throw invalid(at, "must be an object");
    const fields = item as Body;
    // A message may come without its type.
    if (fields["role"] !== undefined) return fields["type"] === "message" ? { ...fields, type: undefined } : fields;
    // Whatever else there is, calls and what they gave back among it: all its prose is data that the model reads.
    return { role: "tool", content: proseOf(fields, at).join("\n") };
  });
}
