import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { StubSettings } from "../config/types.ts";
import type { Answer, AnswerFormat, AnswerHead } from "../wire/answer.ts";
import { CHAT, COMPLETION } from "../wire/chat.ts";
import { RESPONSE } from "../wire/response.ts";
import { frame } from "../wire/sse.ts";
import { embeddingsFor } from "./embedding.ts";
import { type Orders, readOrders } from "./orders.ts";
import { countTokens, toldBy } from "./prompt.ts";
import { loadReplay } from "./replay.ts";

/** A reply on its way out. */
export interface StubReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Rejects where the stub was told to break off; the connection must then break, too. */
  readonly body: AsyncIterable<string>;
}

/** Answers like a server of the OpenAI API. */
export interface StubModel {
  /** `path` is below the base URL, such as `/chat/completions`. Rejects with the signal's reason. */
  answer(path: string, body: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<StubReply>;
}

/** Fixed: the same request gets the same answer, byte for byte. Seconds. */
const CREATED_AT = 1_700_000_000;
const MAX_CHOICES = 128;
const MAX_COUNTED = 10_000;

const FORMATS: Readonly<Record<string, AnswerFormat>> = {
  "/chat/completions": CHAT,
  "/completions": COMPLETION,
  "/responses": RESPONSE,
};

/** A broken connection, on order. */
class OrderedBreak extends Error {
  constructor() {
    super("the stub was told to break off");
    this.name = "OrderedBreak";
  }
}

/** Builds the stub. @throws ReplayFileError when its recording cannot be used. */
export function createStubModel({ latencyMs, answers, replayFile }: StubSettings): StubModel {
  const replay = replayFile === null ? null : loadReplay(replayFile);
  const counts = new Map<string, number>();
  /** Whether this request is among the first `times` of its name. */
  const isStillBad = (model: string, times: number): boolean => {
    if (times === 0) return true;
    const count = (counts.get(model) ?? 0) + 1;
    if (counts.size < MAX_COUNTED || counts.has(model)) counts.set(model, count);
    return count <= times;
  };

  const say = (body: Readonly<Record<string, unknown>>, orders: Orders): Answer => {
    const { all, last } = toldBy(body);
    const recorded = orders.say === null && orders.words === 0 ? replay?.(body) : null;
    if (recorded) return recorded;
    const rule = answers.find(({ contains }) => all.includes(contains));
    const words = Array.from({ length: orders.words }, (_, i) => `word${i + 1}`).join(" ");
    const tool = orders.tool ?? forcedTool(body);
    const text = tool === null ? words || (orders.say ?? rule?.text ?? last) : null;
    const args = JSON.stringify({ input: orders.say ?? last });
    const limit = body["max_tokens"] ?? body["max_completion_tokens"] ?? body["max_output_tokens"];
    const isCut = typeof limit === "number" && text !== null && countTokens(text) > limit;
    const spoken = isCut ? text.slice(0, limit * 4) : text;
    return {
      text: spoken,
      calls: tool === null ? [] : [{ id: `call_${digest(tool + args).slice(0, 24)}`, name: tool, arguments: args }],
      finish: tool === null ? (isCut ? "length" : "stop") : "tool_calls",
      promptTokens: countTokens(all),
      completionTokens: countTokens(spoken ?? args),
    };
  };

  return {
    answer: async (path, body, signal) => {
      const model = typeof body["model"] === "string" ? body["model"] : "stub";
      const given = readOrders(model, latencyMs);
      if (typeof given === "string") return failure(400, given, {});
      if (given.latencyMs > 0) await sleep(given.latencyMs, undefined, { signal });
      signal.throwIfAborted();
      const isBad = (given.status >= 400 || given.break !== null) && isStillBad(model, given.times);
      const orders: Orders = isBad ? given : { ...given, status: 200, break: null };
      if (orders.status >= 400) {
        const { retryAfter } = orders;
        const headers = retryAfter === null ? {} : { "retry-after": String(retryAfter) };
        return failure(orders.status, `the stub was told to answer ${orders.status}`, headers);
      }
      if (orders.break === "not_json") return ready(200, "text/html", "<h1>It works!</h1>");
      if (path === "/embeddings") return ready(200, "application/json", JSON.stringify(embeddingsFor(body, model)));
      const format = FORMATS[path];
      if (format === undefined) return failure(404, `the stub has no ${path}`, {});
      const head = headOf(body, model);
      const answer = say(body, orders);
      if (body["stream"] !== true) {
        const text = JSON.stringify(format.body(head, answer));
        return { status: 200, headers: { "content-type": "application/json" }, body: brokenBody(text, orders, signal) };
      }
      const frames = brokenFrames(format.frames(head, answer), orders, signal);
      return { status: 200, headers: { "content-type": "text/event-stream; charset=utf-8" }, body: frames };
    },
  };
}

function headOf(body: Readonly<Record<string, unknown>>, model: string): AnswerHead {
  const { n, stream_options: options } = body;
  const choices = typeof n === "number" && Number.isInteger(n) ? Math.min(Math.max(1, n), MAX_CHOICES) : 1;
  const includeUsage = (options as { include_usage?: unknown } | null | undefined)?.include_usage === true;
  return { id: digest(JSON.stringify(body)).slice(0, 24), createdAt: CREATED_AT, model, choices, includeUsage };
}

/** The function that a request insists on. */
function forcedTool({ tool_choice: choice, tools }: Readonly<Record<string, unknown>>): string | null {
  const nameOf = (value: unknown): string | null => {
    const { function: fn, name } = (value ?? {}) as { function?: { name?: unknown }; name?: unknown };
    const found = fn?.name ?? name;
    return typeof found === "string" ? found : null;
  };
  if (choice === "required") return Array.isArray(tools) ? nameOf(tools[0]) : null;
  return typeof choice === "object" ? nameOf(choice) : null;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}

function ready(status: number, type: string, text: string, headers: Readonly<Record<string, string>> = {}): StubReply {
  return { status, headers: { "content-type": type, ...headers }, body: once(text) };
}

function failure(status: number, message: string, headers: Readonly<Record<string, string>>): StubReply {
  const type = status >= 500 ? "server_error" : status === 429 ? "rate_limit_error" : "invalid_request_error";
  return ready(
    status,
    "application/json",
    JSON.stringify({ error: { message, type, param: null, code: "stub" } }),
    headers,
  );
}

const never = (signal: AbortSignal): Promise<void> => sleep(2 ** 31 - 1, undefined, { signal });
const HUGE_PIECE = " ".repeat(1024 * 1024);

/** A whole body, broken as ordered. */
async function* brokenBody(text: string, { break: kind }: Orders, signal: AbortSignal): AsyncGenerator<string> {
  if (kind === null) {
    yield text;
    return;
  }
  if (kind === "endless" || kind === "huge") for (;;) yield HUGE_PIECE;
  yield text.slice(0, text.length / 2);
  if (kind === "garbage") return;
  if (kind === "hang") await never(signal);
  throw new OrderedBreak();
}

/** A stream, broken as ordered. */
async function* brokenFrames(frames: Iterable<string>, orders: Orders, signal: AbortSignal): AsyncGenerator<string> {
  const { chunkMs, break: kind, after } = orders;
  let sent = 0;
  let last = "";
  for (const text of frames) {
    if (chunkMs > 0 && sent > 0) await sleep(chunkMs, undefined, { signal });
    if (kind !== null && sent === after) {
      if (kind === "cut") throw new OrderedBreak();
      if (kind === "garbage") {
        yield frame("{this is no JSON");
        return;
      }
      if (kind === "hang") await never(signal);
      if (kind === "huge") for (;;) yield HUGE_PIECE;
      if (kind === "endless") {
        for (;;) {
          yield last;
          await sleep(Math.max(1, chunkMs), undefined, { signal });
        }
      }
    }
    yield text;
    last = text;
    sent++;
  }
}
