import type { ServerResponse } from "node:http";
import type { Surface } from "../request/surface.ts";
import { UpstreamError } from "../upstream/types.ts";
import { type BodyBounds, streamBody } from "../upstream/read-body.ts";
import type { OpenReply } from "../upstream/upstream.ts";
import { createSseReader } from "../wire/sse.ts";
import type { StreamFilter } from "./filter.ts";

/** One event of a stream; more is no token. UTF-16 code units. */
const MAX_EVENT_LENGTH = 4 * 1024 * 1024;

/** How long the end of a body is waited for after the answer is whole, so that the connection can be used again. */
const TAIL_MS = 1_000;

/** Where a stream goes. */
export interface StreamTarget {
  /** Called once, right before the first byte. */
  open(): ServerResponse;
}

/** Makes sure that an answer is a stream at all. @throws UpstreamError */
export function requireStream({ headers, body }: OpenReply): void {
  if (/^text\/event-stream\b/i.test(String(headers["content-type"] ?? ""))) return;
  body.destroy();
  throw new UpstreamError("garbage", "the upstream answered a request for a stream with something else");
}

/**
 * Passes a stream on through a filter, no faster than the client reads. The target is opened when the first event has
 * passed: what fails before can still be told by a status. Rejects with `UpstreamError` or the signal's reason; then
 * `open` tells whether the client has seen a part.
 */
export async function relayStream(
  reply: OpenReply,
  filter: StreamFilter,
  target: StreamTarget,
  bounds: BodyBounds,
): Promise<void> {
  const reader = createSseReader(MAX_EVENT_LENGTH);
  const out = createWriter(target, bounds.signal);
  let tail: NodeJS.Timeout | undefined;
  try {
    for await (const bytes of streamBody(reply.body, bounds)) {
      if (tail !== undefined) continue;
      let text = "";
      for (const event of readEvents(reader.push, bytes)) text += await filter.push(event);
      await out.write(text);
      if (filter.isDone()) {
        out.end();
        tail = setTimeout(() => reply.body.destroy(), TAIL_MS);
      }
    }
  } catch (error) {
    if (tail === undefined) throw error;
  } finally {
    clearTimeout(tail);
  }
  if (tail !== undefined) return;
  let text = "";
  for (const event of readEvents(reader.end, Buffer.alloc(0))) text += await filter.push(event);
  await out.write(text + (await filter.end()));
  out.end();
}

function readEvents<Result>(push: (bytes: Buffer) => Result, bytes: Buffer): Result {
  try {
    return push(bytes);
  } catch (cause) {
    throw new UpstreamError("garbage", "the upstream sent an event without end", { cause });
  }
}

function createWriter(target: StreamTarget, signal: AbortSignal) {
  let raw: ServerResponse | null = null;
  return {
    write: async (text: string): Promise<void> => {
      if (text === "") return;
      raw ??= target.open();
      if (raw.write(text) || raw.destroyed) return;
      await drained(raw, signal);
    },
    end: (): void => {
      raw ??= target.open();
      raw.end();
    },
  };
}

/** Resolves when the client has taken what was written; rejects with the signal's reason. */
async function drained(raw: ServerResponse, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  raw.once("drain", resolve);
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", abort);
    raw.off("drain", resolve);
  }
}

/** The error as the last event of a stream that has begun. */
export function errorFrame(surface: Surface, error: object): string {
  if (surface.name !== "responses") return `data: ${JSON.stringify(error)}\n\n`;
  return `event: error\ndata: ${JSON.stringify({ type: "error", ...error })}\n\n`;
}
