import { UpstreamError } from "../upstream/types.ts";
import { DONE, frame, type SseEvent } from "../wire/sse.ts";

/** Takes the events of an upstream and gives what the client gets. */
export interface StreamFilter {
  /** Frames for the client, or nothing yet. Rejects with `UpstreamError` for what is no event of the API. */
  push(event: SseEvent): Promise<string>;
  /** The upstream has ended: what was held back. Rejects with `UpstreamError` when the answer is not whole. */
  end(): Promise<string>;
  /** The answer is whole; whatever still comes does not matter. */
  isDone(): boolean;
}

/** Tokens as the upstream counts them. */
export interface Usage {
  readonly prompt: number;
  readonly completion: number;
}

/** The usage in an answer or a chunk of either format; null where there is none. */
export function usageOf(value: Readonly<Record<string, unknown>>): Usage | null {
  const inner = (value["response"] as { usage?: unknown } | undefined)?.usage;
  const usage = (value["usage"] ?? inner) as Readonly<Record<string, unknown>> | null | undefined;
  if (typeof usage !== "object" || usage === null) return null;
  const count = (...names: readonly string[]): number => {
    const found = names
      .map((name) => usage[name])
      .find((one) => typeof one === "number" && one >= 0 && Number.isFinite(one));
    return typeof found === "number" ? found : 0;
  };
  return {
    prompt: count("prompt_tokens", "input_tokens"),
    completion: count("completion_tokens", "output_tokens"),
  };
}

type Chunk = Readonly<Record<string, unknown>>;

/** The JSON object of an event. @throws UpstreamError */
export function readChunk(data: string, secret: string | null): Chunk {
  if (secret !== null && data.includes(secret)) {
    throw new UpstreamError("garbage", "the upstream sent this server's key");
  }
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch (cause) {
    throw new UpstreamError("garbage", "the upstream sent an event that is no JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UpstreamError("garbage", "the upstream sent an event that is no JSON object");
  }
  return value as Chunk;
}

/** An error in the middle of a stream. @throws UpstreamError */
export function throwOnError({ error, type }: Chunk): void {
  if ((error !== undefined && error !== null && type === undefined) || type === "error") {
    throw new UpstreamError("status", "the upstream ended its stream with an error");
  }
}

/** Says when a stream is whole. */
interface Ending {
  see(chunk: Chunk): void;
  /** The event after which nothing comes. */
  isLast(event: SseEvent, chunk: Chunk | null): boolean;
  /** Whether it may end without one. */
  mayEnd(): boolean;
}

/** More choices are no answer, but fill memory. */
const MAX_CHOICES = 1_024;

/** Chat and completions: every choice has its `finish_reason`; `[DONE]` ends the stream. */
function choicesEnding(): Ending {
  const open = new Map<number, boolean>();
  return {
    see: ({ choices }) => {
      if (!Array.isArray(choices)) return;
      for (const choice of choices as unknown[]) {
        const { index, finish_reason: reason } = (choice ?? {}) as { index?: unknown; finish_reason?: unknown };
        const at = typeof index === "number" ? index : 0;
        if (typeof reason === "string") open.set(at, false);
        else if (!open.has(at)) open.set(at, true);
      }
      if (open.size > MAX_CHOICES) throw new UpstreamError("garbage", "the upstream sent too many choices");
    },
    isLast: ({ data }) => data === DONE,
    mayEnd: () => open.size > 0 && ![...open.values()].includes(true),
  };
}

const LAST_EVENTS = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** Responses: one of three events ends the stream. */
function responseEnding(): Ending {
  return {
    see: () => {},
    isLast: (_, chunk) => chunk !== null && LAST_EVENTS.has(String(chunk["type"])),
    mayEnd: () => false,
  };
}

/** What a filter needs. */
export interface FilterOptions {
  /** Whether the events are those of the Responses API. */
  readonly isResponse: boolean;
  /** Must not be in what is passed on. */
  readonly secret: string | null;
  readonly onUsage: (usage: Usage) => void;
}

/** Passes events on as they came, and makes sure that they are events and that there is an end. */
export function createPlainFilter({ isResponse, secret, onUsage }: FilterOptions): StreamFilter {
  const ending = isResponse ? responseEnding() : choicesEnding();
  let isDone = false;
  return {
    push: async (event) => {
      if (isDone) return "";
      const chunk = event.data === DONE ? null : readChunk(event.data, secret);
      if (chunk !== null) {
        throwOnError(chunk);
        ending.see(chunk);
        const usage = usageOf(chunk);
        if (usage !== null) onUsage(usage);
      }
      isDone = ending.isLast(event, chunk);
      return frame(event.data, event.event);
    },
    end: async () => {
      if (isDone) return "";
      if (!ending.mayEnd()) throw new UpstreamError("cut", "the upstream ended its stream before its answer");
      isDone = true;
      return frame(DONE);
    },
    isDone: () => isDone,
  };
}
