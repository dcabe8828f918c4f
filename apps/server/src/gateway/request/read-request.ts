import { ApiError } from "@crucible/contract";
import type { Body, Surface } from "./surface.ts";
import { isName, proseOf } from "./strings.ts";

/** A request that is understood. */
export interface ModelRequest {
  readonly surface: Surface;
  readonly body: Body;
  readonly model: string;
  readonly isStream: boolean;
  /** Everything that a model may read in it, as chat messages; those that `field` holds come first, in their order. */
  readonly messages: readonly unknown[];
}

const MAX_MODEL_LENGTH = 256;

/** Keys whose strings steer a server and are not read by a model. */
const QUIET = new Set([
  "model",
  "stream",
  "stream_options",
  "stop",
  "user",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "service_tier",
  "metadata",
  "tool_choice",
  "modalities",
  "audio",
  "reasoning_effort",
  "reasoning",
  "verbosity",
  "include",
  "encoding_format",
  "truncation",
  "previous_response_id",
  "conversation",
]);
/** More text than this is not for a server alone. UTF-16 code units. */
const MAX_QUIET = 2_048;

/** Keys that decide what is called and what is screened: some servers read `Model` for `model`. */
const RESERVED = new Set(["model", "stream", "messages", "prompt", "input", "n"]);

/** Reads what the gateway must know of a body; everything else in it is passed on as it came. @throws ApiError */
export function readRequest(surface: Surface, given: unknown): ModelRequest {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new ApiError("invalid_request", "the body must be a JSON object");
  }
  const body = given as Body;
  const { model, stream } = body;
  if (typeof model !== "string" || model === "" || model.length > MAX_MODEL_LENGTH) {
    const rule = `is required and must be a string of at most ${MAX_MODEL_LENGTH} characters`;
    throw new ApiError("invalid_request", `\`model\` ${rule}`, { field: "model" });
  }
  if (stream !== undefined && stream !== null && typeof stream !== "boolean") {
    throw new ApiError("invalid_request", "`stream` must be true or false", { field: "stream" });
  }
  const isStream = stream === true;
  if (isStream && surface.format === null) {
    throw new ApiError("invalid_request", "`stream` is not for embeddings", { field: "stream" });
  }
  return { surface, body, model, isStream, messages: [...surface.asked(body), ...besides(surface, body)] };
}

/** Tools, instructions, schemas and whatever else carries prose, as messages of the developer. */
function besides(surface: Surface, body: Body): unknown[] {
  const messages: unknown[] = [];
  const add = (strings: readonly string[]): void => {
    const text = strings.join("\n");
    if (text.trim() !== "") messages.push({ role: "developer", content: text });
  };
  for (const [key, value] of Object.entries(body)) {
    if (key === surface.field) continue;
    const lower = key.toLowerCase();
    if (lower !== key && RESERVED.has(lower)) {
      throw new ApiError("invalid_request", `\`${key}\` must be written \`${lower}\``, { field: key });
    }
    if (!isName(key)) add([key]);
    if (typeof value === "number" || typeof value === "boolean" || value === null) continue;
    // Each tool by itself: the same tool comes with every request of a client, and its verdict is in the cache.
    if (Array.isArray(value) && key === "tools") for (const tool of value) add(proseOf(tool, key));
    else {
      const strings = proseOf(value, key);
      if (!QUIET.has(key) || lengthOf(strings) > MAX_QUIET) add(strings);
    }
  }
  return messages;
}

function lengthOf(strings: readonly string[]): number {
  return strings.reduce((sum, { length }) => sum + length, 0);
}
