import type { OutputPlace, OutputRequest, OutputScreening, OutputStep, OutputVerdict } from "@crucible/guard";
import { readChunk, type StreamFilter, throwOnError, usageOf } from "../answer/filter.ts";
import { UpstreamError } from "../upstream/types.ts";
import { frame, type SseEvent } from "../wire/sse.ts";
import type { ScreenOptions } from "./chat-filter.ts";

import { guardDown } from "./verdict.ts";
import { screenItems } from "./whole.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Events after which nothing comes. */
const LAST = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** Pieces of what calls something: held back whole. */
const CALLS = /^response\.(?:function_call_arguments|custom_tool_call_input|mcp_call_arguments)$/;

/** What the filter for the Responses API needs. */
export interface ResponseOptions extends ScreenOptions {
  readonly screening: OutputScreening;
  readonly output: OutputRequest;
  /** As the client sent them; those that the upstream repeats have the canary. */
  readonly instructions: unknown;
  /** How the stream ends when it must not go on; `id` is that of the response. */
  readonly onStop: (id: unknown) => string;
  /** A verdict on items that come whole, beside that of the pieces. */
  readonly onVerdict: (verdict: OutputVerdict) => void;
}

/**
 * Screens the events of the Responses API: pieces go out when their verdict is known, and what repeats them as a whole
 * is screened as a whole, which gives the same verdict.
 */
export function createResponseFilter(options: ResponseOptions): StreamFilter {
  const { screen, screening, output, secret, instructions, onUsage, onText, onStop, onVerdict } = options;
  /** What went out of each place. */
  const passed = new Map<string, string>();
  let id: unknown = null;
  let isDone = false;

  const stop = (verdict: OutputVerdict): string => {
    if (verdict.decision === "error") throw guardDown();
    isDone = true;
    return onStop(id);
  };

  const note = (key: string, step: OutputStep): string => {
    const text = step.released.map((released) => released.text).join("");
    passed.set(key, (passed.get(key) ?? "") + text);
    return text;
  };

  const write = (event: SseEvent, chunk: Fields): string => frame(JSON.stringify(chunk), event.event);

  const pushDelta = async (event: SseEvent, chunk: Fields, base: string, delta: string): Promise<string> => {
    const place = placeOf(chunk, base);
    onText(delta);
    const step = await screen.push(place, delta);
    if (step.stopped !== null) return stop(step.stopped);
    const text = note(keyOf(chunk, base), step);
    // A call goes out when it is whole.
    if (text === "" || place.kind === "tool_call") return "";
    return write(event, { ...chunk, delta: text, ...(options.holds && "logprobs" in chunk ? { logprobs: [] } : {}) });
  };

  const endPlace = async (event: SseEvent, chunk: Fields, base: string): Promise<string> => {
    const place = placeOf(chunk, base);
    const key = keyOf(chunk, base);
    const step = await screen.end(place.choice);
    if (step.stopped !== null) return stop(step.stopped);
    const rest = note(key, step);
    const whole = passed.get(key) ?? "";
    const delta = place.kind === "tool_call" ? whole : rest;
    const type = `${base}.delta`;
    const { text: _, refusal: __, arguments: ___, input: ____, logprobs: _____, ...head } = chunk;
    const held =
      delta === "" ? "" : frame(JSON.stringify({ ...head, type, delta }), event.event === null ? null : type);
    const field = ["text", "refusal", "arguments", "input"].find((name) => typeof chunk[name] === "string");
    const logprobs = "logprobs" in chunk ? { logprobs: options.holds ? [] : chunk["logprobs"] } : {};
    return held + write(event, { ...head, ...(field === undefined ? {} : { [field]: whole }), ...logprobs });
  };

  /** An event that holds items as a whole, with each of them screened. */
  const screenWholes = async (event: SseEvent, chunk: Fields): Promise<string> => {
    const { item, part, response } = chunk as { item?: unknown; part?: unknown; response?: Fields };
    // What is neither an item nor a part may be text in whatever field: the event itself is screened.
    const list = response === undefined ? [item ?? part ?? chunk] : response["output"];
    const items = Array.isArray(list) ? (list as unknown[]) : [];
    const isEchoed = output.canary !== null && typeof response?.["instructions"] === "string";
    const { verdict, changed } = await screenItems(screening, output, items, true);
    if (verdict.decision !== "allow") onVerdict(verdict);
    if (!verdict.admitted) return stop(verdict);
    const { output_text: repeated, ...once } = response ?? {};
    if (changed === null && !isEchoed && repeated === undefined) return frame(event.data, event.event);
    if (response === undefined) {
      const clean = changed?.[0];
      if (item === undefined && part === undefined) return write(event, clean as Fields);
      return write(event, { ...chunk, [item === undefined ? "part" : "item"]: clean });
    }
    const clean = {
      // Some servers have the text of all items here again, which nobody has looked at.
      ...once,
      ...(changed === null ? {} : { output: changed }),
      ...(isEchoed ? { instructions } : {}),
    };
    return write(event, { ...chunk, response: clean });
  };

  return {
    push: async (event) => {
      if (isDone || event.data === "[DONE]") return "";
      const chunk = readChunk(event.data, secret);
      throwOnError(chunk);
      const type = typeof chunk["type"] === "string" ? chunk["type"] : "";
      const usage = usageOf(chunk);
      if (usage !== null && LAST.has(type)) onUsage(usage);
      id ??= (chunk["response"] as Fields | undefined)?.["id"] ?? null;
      const delta = chunk["delta"];
      if (type.endsWith(".delta") && typeof delta === "string") {
        return await pushDelta(event, chunk, type.slice(0, -".delta".length), delta);
      }
      const base = type.endsWith(".done") ? type.slice(0, -".done".length) : "";
      if (base !== "" && passed.has(keyOf(chunk, base))) return await endPlace(event, chunk, base);
      const text = await screenWholes(event, chunk);
      if (LAST.has(type)) isDone = true;
      return text;
    },
    end: async () => {
      if (!isDone) throw new UpstreamError("cut", "the upstream ended its stream before its answer");
      return "";
    },
    isDone: () => isDone,
  };
}

function keyOf(chunk: Fields, base: string): string {
  const { output_index: item = 0, content_index: content, summary_index: summary } = chunk;
  return JSON.stringify([base, item, content ?? summary ?? 0]);
}

function placeOf(chunk: Fields, base: string): OutputPlace {
  const { output_index: at } = chunk;
  const choice = typeof at === "number" && Number.isSafeInteger(at) && at >= 0 ? at : 0;
  return CALLS.test(base)
    ? { kind: "tool_call", choice, call: 0 }
    : { kind: "text", choice, field: keyOf(chunk, base) };
}
