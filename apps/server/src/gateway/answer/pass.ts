import { ApiError, openAiError } from "@crucible/contract";
import { type BoundedUpstream, ClientGoneError, type Exchange, type Gateway } from "../types.ts";
import type { BodyBounds } from "../upstream/read-body.ts";
import { UpstreamError } from "../upstream/types.ts";
import type { OpenReply } from "../upstream/upstream.ts";
import { toClientError } from "./failures.ts";
import { createPlainFilter, type StreamFilter, usageOf } from "./filter.ts";
import { passedOnHeaders, readReply } from "./read-reply.ts";
import { sendJson, STREAM_HEADERS } from "./send.ts";
import { errorFrame, relayStream, requireStream } from "./stream.ts";

/**
 * Calls the upstream and passes its answer on, within its deadlines. Rejects with `UpstreamError` or the signal's
 * reason where the client has seen nothing yet; a stream that has begun ends with its own error.
 * @param model what the upstream calls it
 * @param headers of the client, those that are passed on
 */
export async function pass(
  all: Exchange,
  upstream: BoundedUpstream,
  model: string,
  abort: AbortController,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { gateway, request, caller, reply } = all;
  const { signal } = abort;
  const startMs = performance.now();
  const body = model === request.model ? request.body : { ...request.body, model };
  const timer = setTimeout(() => {
    abort.abort(new UpstreamError("timeout", `no whole answer in ${upstream.timeoutMs} ms`));
  }, upstream.timeoutMs);
  let outcome: Parameters<Gateway["metrics"]["called"]>[1] = "client_gone";
  let open: OpenReply | undefined;
  try {
    signal.throwIfAborted();
    open = await upstream.call({ path: request.surface.path, json: written(body), body, headers, signal });
    outcome = open.status;
    reply.headers(passedOnHeaders(open.headers));
    if (request.isStream && open.status < 300) await passStream(all, upstream, open, signal);
    else await passWhole(all, upstream, open, signal);
    open.settle(null);
  } catch (error) {
    if (error instanceof UpstreamError) {
      outcome = error.kind;
      open?.settle(error.kind);
      const { name } = upstream;
      const { requestId } = caller;
      gateway.log.warn({ requestId, upstream: name, kind: error.kind, detail: error.message }, "an upstream failed");
    } else {
      open?.forget();
      open?.body.destroy();
      outcome = "client_gone";
    }
    if (!reply.raw.headersSent || error instanceof ClientGoneError) throw error;
    endBroken(all, error);
  } finally {
    clearTimeout(timer);
    gateway.metrics.called(upstream.name, outcome, performance.now() - startMs);
  }
}

function written(body: object): string {
  try {
    return JSON.stringify(body);
  } catch (cause) {
    throw new ApiError("invalid_request", "the body is nested too deeply", { cause });
  }
}

async function passWhole(
  { gateway, reply }: Exchange,
  { name, key, maxResponseBytes, timeoutMs }: BoundedUpstream,
  open: OpenReply,
  signal: AbortSignal,
): Promise<void> {
  // An answer in one piece may be long in coming: the deadline bounds it.
  const whole = await readReply(open, { maxBytes: maxResponseBytes, idleMs: timeoutMs, signal }, key);
  const usage = usageOf(whole.value);
  if (usage !== null) gateway.metrics.tokens(name, usage.prompt, usage.completion);
  sendJson(reply.code(whole.status), whole.text);
}

async function passStream(
  all: Exchange,
  upstream: BoundedUpstream,
  open: OpenReply,
  signal: AbortSignal,
): Promise<void> {
  requireStream(open);
  const { maxResponseBytes: maxBytes, idleTimeoutMs: idleMs } = upstream;
  const bounds: BodyBounds = { maxBytes, idleMs, signal };
  await relayStream(open, filterOf(all, upstream), { open: () => openStream(all) }, bounds);
}

function filterOf({ gateway, request }: Exchange, { name, key }: BoundedUpstream): StreamFilter {
  return createPlainFilter({
    isResponse: request.surface.name === "responses",
    secret: key,
    onUsage: ({ prompt, completion }) => gateway.metrics.tokens(name, prompt, completion),
  });
}

/** From here on the stream is written past Fastify: it would gather it in a queue of its own. */
function openStream({ reply }: Exchange) {
  reply.headers(STREAM_HEADERS).hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  return reply.raw.writeHead(200);
}

/** The status is out: the stream itself must say that it is not whole. */
function endBroken({ gateway, request, caller, reply }: Exchange, error: unknown): void {
  const told = toClientError(error);
  if (!(told instanceof ApiError)) gateway.log.error({ err: error, requestId: caller.requestId }, "a stream failed");
  const known = told instanceof ApiError ? told : new ApiError("internal", "a fault of this server");
  reply.raw.end(errorFrame(request.surface, openAiError(known)));
}
