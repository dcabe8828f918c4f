import type { Readable } from "node:stream";
import { UpstreamError } from "./types.ts";

/** Bounds of a body. */
export interface BodyBounds {
  readonly maxBytes: number;
  /** Silence after which it counts as broken, milliseconds. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/** All of a body. Rejects with `UpstreamError` of kind `idle`, `too_large` or `cut`, or with the signal's reason. */
export function readBody(body: Readable, { maxBytes, idleMs, signal }: BodyBounds): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stop = (error: Error): void => {
    clearTimeout(timer);
    reject(error);
    body.destroy();
  };
  const timer = setTimeout(() => stop(new UpstreamError("idle", `the answer was silent for ${idleMs} ms`)), idleMs);
  const abort = (): void => stop(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  body.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) stop(new UpstreamError("too_large", `the answer is longer than ${maxBytes} bytes`));
    else timer.refresh();
  });
  let isWhole = false;
  body.once("end", () => {
    isWhole = true;
    resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
  });
  body.once("error", (error) => stop(new UpstreamError("cut", "the answer was cut off", { cause: error })));
  body.once("close", () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    // After an error this changes nothing.
    if (!isWhole) reject(new UpstreamError("cut", "the answer was cut off"));
  });
  if (signal.aborted) abort();
  return promise;
}

/** A body piece by piece, within the same bounds and with the same errors. Leaving the loop ends the call. */
export async function* streamBody(body: Readable, { maxBytes, idleMs, signal }: BodyBounds): AsyncGenerator<Buffer> {
  let bytes = 0;
  let isWaiting = true;
  const stop = (error: Error): void => void body.destroy(error);
  const timer = setTimeout(() => {
    // The reader's own time is no silence.
    if (isWaiting) stop(new UpstreamError("idle", `the answer was silent for ${idleMs} ms`));
    else timer.refresh();
  }, idleMs);
  const abort = (): void => stop(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length;
      if (bytes > maxBytes) throw new UpstreamError("too_large", `the answer is longer than ${maxBytes} bytes`);
      isWaiting = false;
      yield chunk as Buffer;
      isWaiting = true;
      timer.refresh();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof UpstreamError ? error : new UpstreamError("cut", "the answer was cut off", { cause: error });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    body.destroy();
  }
}
