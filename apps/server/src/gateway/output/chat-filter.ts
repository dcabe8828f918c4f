import type { OutputPlace, OutputScreen, OutputStep, ReleasedText } from "@crucible/guard";
import { type FilterOptions, readChunk, type StreamFilter, throwOnError, usageOf } from "../answer/filter.ts";
import { isName, proseOf } from "../request/strings.ts";
import { UpstreamError } from "../upstream/types.ts";
import { DONE, frame } from "../wire/sse.ts";
import { guardDown } from "./verdict.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Keys of a delta whose strings are no text of the model. */
const QUIET = new Set(["role", "id", "type"]);

/** Choices of an answer, and calls or values without text of a choice: more are no answer, but fill memory. */
const MAX_HELD = 1_024;

/** A call as far as it is known: all but its arguments, which are held back. */
interface Call {
  readonly head: Record<string, unknown>;
  /** Where the name and what is held back are; `old` is the single call of older models. */
  readonly kind: "function" | "custom" | "old";
  /** Name and whatever else stands beside the arguments. */
  readonly inner: Record<string, unknown>;
}

/** What is open of one choice. */
interface Choice {
  readonly calls: Map<number, Call>;
  /** Values that are no text, until it is known that the text in them may pass. */
  readonly structured: { readonly key: string; readonly value: unknown }[];
  /** What may go out of calls and of values that are no text; it goes when the choice ends. */
  readonly passed: Map<string, string>;
  isOpen: boolean;
}

/** What a filter that screens needs. */
export interface ScreenOptions extends Omit<FilterOptions, "isResponse"> {
  readonly screen: OutputScreen;
  /** Whether text waits for its verdict; then nothing that spells it goes out before. */
  readonly holds: boolean;
  /** Told each piece of text that the model said. */
  readonly onText: (text: string) => void;
}

/**
 * Screens the chunks of a chat completion or completion: text goes out when its verdict is known, calls when their
 * choice ends. A choice that must not go on ends with `finish_reason: content_filter`.
 */
export function createChatFilter({ screen, secret, holds, onUsage, onText }: ScreenOptions): StreamFilter {
  const choices = new Map<number, Choice>();
  let last: Fields = { id: "", object: "chat.completion.chunk", created: 0, model: "" };
  let isDone = false;

  const choiceAt = (index: number): Choice => {
    const known = choices.get(index) ?? { calls: new Map(), structured: [], passed: new Map(), isOpen: true };
    choices.set(index, known);
    if (choices.size > MAX_HELD) throw garbage("too many choices");
    return known;
  };
  const chunkOf = (list: readonly object[]): string => {
    const { usage: _, choices: __, ...head } = last;
    return frame(JSON.stringify({ ...head, choices: list }));
  };
  const isText = (): boolean => last["object"] === "text_completion";

  const stop = ({ stopped }: OutputStep): string => {
    if (stopped?.decision === "error") throw guardDown();
    isDone = true;
    const open = [...choices].filter(([, { isOpen }]) => isOpen);
    const ends = open.map(([index]) => ({
      index,
      ...(isText() ? { text: "" } : { delta: {} }),
      logprobs: null,
      finish_reason: "content_filter",
    }));
    return chunkOf(ends) + frame(DONE);
  };

  const push = async (place: OutputPlace, text: string): Promise<OutputStep> => {
    onText(text);
    const step = await screen.push(place, text);
    keep(choiceAt(place.choice), step.released);
    return step;
  };

  /** Screens the text of one delta and gives what of it may go out now; a string where the stream must stop. */
  const screenDelta = async (index: number, delta: Fields): Promise<Record<string, unknown> | string> => {
    const choice = choiceAt(index);
    const out: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(delta)) {
      if (value === null || QUIET.has(key) || value === "") out[key] = value;
      else if (typeof value === "string") {
        const step = await push({ kind: "text", choice: index, field: key }, value);
        if (step.stopped !== null) return stop(step);
        const text = step.released.map((released) => released.text).join("");
        if (text !== "") out[key] = text;
      } else if (key === "tool_calls" || key === "function_call") {
        const list = Array.isArray(value) ? (value as unknown[]) : [value];
        for (const call of list) {
          const step = await pushCall(choice, index, call);
          if (step?.stopped) return stop(step);
        }
      } else {
        choice.structured.push({ key, value });
        if (choice.structured.length > MAX_HELD) throw garbage("too many values that are no text");
        const step = await push({ kind: "text", choice: index, field: `${key}.*` }, proseOf(value, key).join("\n"));
        if (step.stopped !== null) return stop(step);
      }
    }
    return out;
  };

  const pushCall = async ({ calls }: Choice, choice: number, given: unknown): Promise<OutputStep | null> => {
    if (typeof given !== "object" || given === null) throw garbage("a call that is no object");
    const { index: position, function: fn, custom, ...head } = given as Fields;
    const at = typeof position === "number" ? position : 0;
    const kind = custom !== undefined ? "custom" : fn === undefined && "arguments" in head ? "old" : "function";
    const { arguments: args, input, ...inner } = (kind === "old" ? head : (custom ?? fn ?? {})) as Fields;
    const known = calls.get(at) ?? { head: {}, kind, inner: {} };
    calls.set(at, known);
    if (calls.size > MAX_HELD) throw garbage("too many calls");
    Object.assign(known.inner, inner);
    if (kind !== "old") Object.assign(known.head, head);
    const text = args ?? input;
    if (typeof text !== "string" || text === "") return null;
    return await push({ kind: "tool_call", choice, call: at }, text);
  };

  /** Ends a choice: what was held back, as chunks of their own. */
  const endChoice = async (index: number): Promise<string> => {
    const choice = choiceAt(index);
    const step = await screen.end(index);
    if (step.stopped !== null) return stop(step);
    choice.isOpen = false;
    const delta = heldBack(choice, step.released);
    if (Object.keys(delta).length === 0) return "";
    return chunkOf([{ index, ...(isText() ? delta : { delta }), logprobs: null, finish_reason: null }]);
  };

  const pushChunk = async (chunk: Fields): Promise<string> => {
    const list = chunk["choices"];
    if (!Array.isArray(list)) throw garbage("a chunk without choices");
    last = chunk;
    let before = "";
    const out: object[] = [];
    for (const given of list as unknown[]) {
      if (typeof given !== "object" || given === null) throw garbage("a choice that is no object");
      const { index: at, delta, text, finish_reason: finish = null, ...more } = given as Fields;
      const index = typeof at === "number" ? at : 0;
      const rest = holds ? { ...withoutText(more), logprobs: null } : more;
      const screened = await screenDelta(index, text === undefined ? ((delta ?? {}) as Fields) : { text });
      if (typeof screened === "string") return before + screened;
      const isFirst = Object.keys(screened).length > 0;
      if (finish !== null) {
        const body = text === undefined ? { delta: screened } : { text: screened["text"] ?? "" };
        if (isFirst) before += chunkOf([{ ...rest, index, ...body, finish_reason: null }]);
        before += await endChoice(index);
        if (isDone) return before;
        const empty = text === undefined ? { delta: {} } : { text: "" };
        out.push({ ...rest, index, ...empty, finish_reason: finish });
      } else if (isFirst) {
        const body = text === undefined ? { delta: screened } : { text: screened["text"] };
        out.push({ ...rest, index, ...body, finish_reason: null });
      }
    }
    const isWorth = out.length > 0 || list.length === 0 || (chunk["usage"] ?? null) !== null;
    return before + (isWorth ? frame(JSON.stringify({ ...chunk, choices: out })) : "");
  };

  const endAll = async (): Promise<string> => {
    let text = "";
    for (const [index, { isOpen }] of choices) {
      if (isOpen) text += await endChoice(index);
      if (isDone) return text;
    }
    isDone = true;
    return text + frame(DONE);
  };

  return {
    push: async ({ data }) => {
      if (isDone) return "";
      if (data === DONE) return await endAll();
      const chunk = readChunk(data, secret);
      throwOnError(chunk);
      const usage = usageOf(chunk);
      if (usage !== null) onUsage(usage);
      return await pushChunk(chunk);
    },
    end: async () => {
      if (isDone) return "";
      const open = [...choices.values()].some(({ isOpen }) => isOpen);
      if (choices.size === 0 || open) throw new UpstreamError("cut", "the upstream ended its stream before its answer");
      return await endAll();
    },
    isDone: () => isDone,
  };
}

/** Keys of a choice whose strings are the server's words, and not the model's. */
const OF_THE_SERVER = new Set(["content_filter_results", "stop_reason", "native_finish_reason", "matched_stop"]);

/** A choice beside its delta: some servers repeat all of the text there, which would go out before its verdict. */
function withoutText(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([key, value]) => isName(key) && (OF_THE_SERVER.has(key) || proseOf(value, key).length === 0),
    ),
  );
}

const keyOf = (call: number): string => `#${call}`;

/** Notes what may go out of calls and of values that are no text. */
function keep({ passed }: Choice, texts: readonly ReleasedText[]): void {
  for (const { place, text } of texts) {
    const key = place.kind === "tool_call" ? keyOf(place.call) : place.field.endsWith(".*") ? place.field : null;
    if (key !== null) passed.set(key, (passed.get(key) ?? "") + text);
  }
}

/** What a choice had held back, as a delta. Values that are no text pass only where all of their text does. */
function heldBack(choice: Choice, texts: readonly ReleasedText[]): Record<string, unknown> {
  keep(choice, texts);
  const { calls, structured, passed } = choice;
  const delta: Record<string, unknown> = {};
  for (const { place, text } of texts) {
    if (place.kind === "tool_call" || place.field.endsWith(".*")) continue;
    delta[place.field] = `${(delta[place.field] as string | undefined) ?? ""}${text}`;
  }
  for (const key of new Set(structured.map((one) => one.key))) {
    const values = structured.filter((one) => one.key === key).map(({ value }) => value);
    const whole = values.map((value) => proseOf(value, key).join("\n")).join("");
    if ((passed.get(`${key}.*`) ?? "") !== whole) continue;
    // Pieces of a list go on where the last one ended; of anything else the last one counts.
    delta[key] = values.every(Array.isArray) ? values.flat() : values.at(-1);
  }
  const list: object[] = [];
  for (const [index, { head, kind, inner }] of calls) {
    const text = passed.get(keyOf(index)) ?? "";
    if (kind === "old") delta["function_call"] = { ...inner, arguments: text };
    else list.push({ index, ...head, [kind]: { ...inner, [kind === "custom" ? "input" : "arguments"]: text } });
  }
  if (list.length > 0) delta["tool_calls"] = list;
  return delta;
}

function garbage(what: string): UpstreamError {
  return new UpstreamError("garbage", `the upstream sent ${what}`);
}
