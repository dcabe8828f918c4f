import { type Role, ROLES, type ScreenPolicy } from "../policy/types.ts";
import { InvalidMessagesError } from "./errors.ts";
import { argumentText, MAX_DEPTH, stringsOf } from "./strings.ts";
import type { Unscreened } from "./types.ts";

/** More messages, or more parts in one, are refused. */
const MAX_ITEMS = 10_000;

/** A text of a message, and where it stands. */
export interface Place {
  readonly path: string;
  readonly text: string;
}

/** The texts of one message. */
export interface MessageTexts {
  readonly index: number;
  readonly role: Role;
  /** Well-formed Unicode, never blank. */
  readonly places: readonly Place[];
}

/** What a conversation holds for the guard. */
export interface Conversation {
  readonly messages: readonly MessageTexts[];
  /** Runs of user turns, and messages of several parts, each as one text. */
  readonly joined: readonly Place[];
  readonly unscreened: readonly Unscreened[];
}

/** Part types that carry text, and the key it is under. */
const TEXT_PARTS: Readonly<Record<string, string>> = {
  text: "text",
  input_text: "text",
  output_text: "text",
  refusal: "refusal",
};
/** Part types that carry no text, and the keys of theirs that hold the media. */
const MEDIA_PARTS = new Set(["image_url", "input_image", "input_audio", "file", "input_file"]);
const MEDIA_KEYS = new Set([...MEDIA_PARTS, "file_data", "file_id", "file_url", "detail"]);
/** Keys of a part that steer the server. All others are screened. */
const QUIET_KEYS = new Set(["type", "cache_control"]);
/** Keys of a message that are read below, or hold no text that a model would follow. */
const KNOWN_KEYS = new Set(["role", "content", "tool_calls", "function_call"]);
/** Keys of a call that hold no text as long as it is a plain name. */
const CALL_KEYS = new Set(["id", "type"]);
/** What is longer or has a blank in it is prose, whoever calls it a name. */
const NAME = /^\S{0,64}$/;

function isName(text: string): boolean {
  return NAME.test(text);
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Takes the texts out of messages in the OpenAI chat format. What is not known is screened, not passed over: a model
 * behind another server may well read it.
 * @throws InvalidMessagesError where the format is broken in a way that leaves open what a model would read.
 */
export function readMessages(messages: readonly unknown[], policy: ScreenPolicy): Conversation {
  const all = listOf(messages, "messages", "a list of messages");
  if (all.length === 0) throw new InvalidMessagesError("messages", "is empty", "give at least one message");
  const unscreened: Unscreened[] = [];
  const read = all.map((message, index) => readMessage(message, index, policy, unscreened));
  const screened = read.filter(({ places }) => places.length > 0);
  return { messages: screened, joined: joinedPlaces(screened, policy.joinTurns), unscreened };
}

function readMessage(value: unknown, index: number, policy: ScreenPolicy, unscreened: Unscreened[]): MessageTexts {
  const path = `messages[${index}]`;
  const message = fieldsOf(value, path, "an object with role and content");
  const role = ROLES.find((known) => known === message["role"]);
  if (role === undefined) throw invalid(`${path}.role`, `one of: ${ROLES.join(", ")}`);
  const isResult = role === "tool" || role === "function";
  const places: Place[] = [];
  const adder = (wanted: boolean) => (at: string, text: string) => {
    if (text.trim() === "") return;
    if (wanted && policy.roles.includes(role)) places.push({ path: at, text: text.toWellFormed() });
    else unscreened.push({ path: at, why: "policy" });
  };
  const addText = adder(isResult ? policy.toolResults : policy.textParts);
  readContent(message["content"], `${path}.content`, addText, unscreened);
  readCalls(message, path, adder(policy.toolCalls));
  for (const [key, field] of Object.entries(message)) {
    const isPlain = key === "tool_call_id" && typeof field === "string" && isName(field);
    if (!KNOWN_KEYS.has(key) && !isPlain) addText(`${path}.${key}`, allStrings(field, `${path}.${key}`));
  }
  return { index, role, places };
}

type Add = (path: string, text: string) => void;

function readContent(content: unknown, path: string, add: Add, unscreened: Unscreened[]): void {
  if (content === undefined || content === null) return;
  if (typeof content === "string") return add(path, content);
  for (const [i, value] of listOf(content, path, "a string, null or a list of parts").entries()) {
    const at = `${path}[${i}]`;
    const part = fieldsOf(value, at, "a part: an object with a type");
    const { type } = part;
    if (typeof type !== "string") throw invalid(`${at}.type`, "a string, such as text");
    if (!isName(type)) add(`${at}.type`, type);
    const key = Object.hasOwn(TEXT_PARTS, type) ? TEXT_PARTS[type] : undefined;
    const isMedia = MEDIA_PARTS.has(type);
    if (isMedia) unscreened.push({ path: at, why: "media" });
    if (key !== undefined) add(`${at}.${key}`, stringOf(part[key], `${at}.${key}`));
    for (const [name, field] of Object.entries(part)) {
      if (name === key || QUIET_KEYS.has(name) || (isMedia && MEDIA_KEYS.has(name))) continue;
      add(`${at}.${name}`, allStrings(field, `${at}.${name}`));
    }
  }
}

/** A function with its arguments; templates write the name of it to the model, too. */
function readCall(value: unknown, path: string, add: Add): void {
  const { name, arguments: given, ...rest } = fieldsOf(value, path, "an object with name and arguments");
  add(`${path}.arguments`, argumentText(stringOf(given, `${path}.arguments`)));
  if (name !== undefined && !(typeof name === "string" && isName(name)))
    add(`${path}.name`, allStrings(name, `${path}.name`));
  for (const [key, field] of Object.entries(rest)) add(`${path}.${key}`, allStrings(field, `${path}.${key}`));
}

/** Calls of functions and of custom tools, and the older single call. */
function readCalls(message: Fields, path: string, add: Add): void {
  const one = message["function_call"];
  if (one !== undefined && one !== null) {
    readCall(one, `${path}.function_call`, add);
  }
  const calls = message["tool_calls"];
  if (calls === undefined || calls === null) return;
  for (const [i, value] of listOf(calls, `${path}.tool_calls`, "a list of calls").entries()) {
    const at = `${path}.tool_calls[${i}]`;
    const call = fieldsOf(value, at, "an object with id, type and function");
    const fn = call["function"];
    if (fn === undefined) {
      add(at, allStrings(call, at));
      continue;
    }
    readCall(fn, `${at}.function`, add);
    for (const [key, field] of Object.entries(call)) {
      if (key === "function" || (CALL_KEYS.has(key) && typeof field === "string" && isName(field))) continue;
      add(`${at}.${key}`, allStrings(field, `${at}.${key}`));
    }
  }
}

/** Each run of `turns` user turns, or all where there are fewer; before them the messages of several parts. */
function joinedPlaces(messages: readonly MessageTexts[], turns: number): Place[] {
  const whole = ({ places }: MessageTexts): string => places.map(({ text }) => text).join("\n");
  const several = messages.filter(({ places }) => places.length > 1);
  const joined = several.map((message) => ({ path: `messages[${message.index}]`, text: whole(message) }));
  const users = messages
    .filter(({ role }) => role === "user")
    .map((message) => ({ index: message.index, text: whole(message) }));
  const size = Math.min(turns, users.length);
  if (size < 2) return joined;
  for (let first = 0; first + size <= users.length; first++) {
    const run = users.slice(first, first + size);
    joined.push({
      path: `messages[${run.map(({ index }) => index).join(",")}]`,
      text: run.map(({ text }) => text).join("\n"),
    });
  }
  return joined;
}

function invalid(field: string, right: string): InvalidMessagesError {
  return new InvalidMessagesError(field, `must be ${right}`, `make ${field} ${right}`);
}

function fieldsOf(value: unknown, field: string, right: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(field, right);
  return value as Fields;
}

function listOf(value: unknown, field: string, right: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(field, right);
  if (value.length > MAX_ITEMS) throw invalid(field, `at most ${MAX_ITEMS} long`);
  return value;
}

function stringOf(value: unknown, field: string): string {
  if (typeof value !== "string") throw invalid(field, "a string");
  return value;
}

function allStrings(value: unknown, field: string): string {
  const strings = stringsOf(value);
  if (strings === null) throw invalid(field, `nested at most ${MAX_DEPTH} deep`);
  return strings.join("\n");
}
