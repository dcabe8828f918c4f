import { RunEvent } from "../events.ts";
import { ClientError } from "./error.ts";
import { createSseParser } from "./sse.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** Options of `runEvents`. */
export interface RunEventsOptions extends CallOptions {
  /** Start after this event; default: from the beginning. */
  readonly lastEventId?: number | undefined;
  /** Failed connections in a row before it gives up; default 8, some 30 s. */
  readonly maxAttempts?: number | undefined;
}

/** An event with its number; output has none. */
export interface ReceivedEvent {
  readonly id: number | null;
  readonly event: RunEvent;
}

/** Silence after which a connection counts as dead: three of the server's heartbeats. */
const SILENCE_MS = 45_000;
const LONGEST_PAUSE_MS = 10_000;

/** Waits; rejects with the abort reason. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
  });
}

/** Reads one chunk; rejects after `SILENCE_MS` without one. */
async function readChunk(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | null> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new ClientError("timed_out", "the event stream went silent")), SILENCE_MS);
  try {
    const chunk = await Promise.race([reader.read(), late.promise]);
    return chunk.done ? null : chunk.value;
  } finally {
    clearTimeout(timer);
  }
}

function parseEvent(data: string): RunEvent {
  try {
    return RunEvent.parse(JSON.parse(data));
  } catch (cause) {
    throw new ClientError("unexpected_reply", "the stream holds an event that is not of this contract", { cause });
  }
}

type OutputEvent = RunEvent & { type: "run.output" };

/**
 * Drops output that was already given: after a reconnection the server tells again what a running run has printed.
 * Gives the event, what is new of it, or null.
 */
function createOutputFilter(): { fresh(event: OutputEvent): OutputEvent | null; restart(): void } {
  const given = new Map<string, number>();
  return {
    fresh(event) {
      if (event.offset === undefined) return event;
      const name = `${event.step} ${event.stream}`;
      const have = given.get(name) ?? 0;
      const bytes = atob(event.data);
      const end = event.offset + bytes.length;
      if (end <= have && bytes !== "") return null;
      given.set(name, end);
      if (event.offset >= have) return event;
      return { ...event, offset: have, data: btoa(bytes.slice(have - event.offset)) };
    },
    restart: () => given.clear(),
  };
}

/** Trying again can help: the connection broke, or the server is away for a while. */
const passes = (error: unknown): boolean =>
  error instanceof ClientError &&
  (error.status >= 500 || error.status === 429 || ["unreachable", "timed_out"].includes(error.code));

/**
 * A run's events as they come, ending after `run.finished`. A broken connection is made anew where it broke: each
 * numbered event and each byte of output comes once; what the server no longer has of the output is in the outcome.
 * Rejects with `ClientError` (`not_found`, or the last error after `maxAttempts` failures in a row).
 */
export async function* readRunEvents(
  transport: Transport,
  id: string,
  options: RunEventsOptions = {},
): AsyncGenerator<ReceivedEvent, void, undefined> {
  const { signal, maxAttempts = 8 } = options;
  const output = createOutputFilter();
  let lastId = options.lastEventId;
  let retryMs = 500;
  let failures = 0;
  for (;;) {
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    try {
      const reply = await transport.send({
        method: "GET",
        path: `/api/v1/runs/${encodeURIComponent(id)}/events`,
        headers: { accept: "text/event-stream", ...(lastId === undefined ? {} : { "last-event-id": String(lastId) }) },
        timeoutMs: null,
        signal,
      });
      if (reply.status === 204 || reply.body === null) return;
      reader = reply.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
      const decoder = new TextDecoder();
      const parse = createSseParser();
      for (let bytes = await readChunk(reader); bytes !== null; bytes = await readChunk(reader)) {
        failures = 0;
        for (const item of parse(decoder.decode(bytes, { stream: true }))) {
          if ("retryMs" in item) retryMs = item.retryMs;
          if (!("block" in item)) continue;
          const event = parseEvent(item.block.data);
          const number = item.block.id === null ? null : Number(item.block.id);
          if (number !== null) lastId = number;
          if (event.type === "run.started") output.restart();
          const fresh = event.type === "run.output" ? output.fresh(event) : event;
          if (fresh !== null) yield { id: number, event: fresh };
          if (event.type === "run.finished") return;
        }
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      // A body that breaks off rejects with a TypeError of fetch's own.
      const broken = passes(error) || (error instanceof TypeError && reader !== undefined);
      failures++;
      if (!broken || failures >= maxAttempts) throw error;
    } finally {
      await reader?.cancel().catch(() => {});
    }
    await pause(Math.min(retryMs * 2 ** Math.max(0, failures - 1), LONGEST_PAUSE_MS), signal);
  }
}
