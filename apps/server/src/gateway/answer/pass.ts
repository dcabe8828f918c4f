import { ApiError, openAiError } from "@crucible/contract";
import { type BoundedUpstream, ClientGoneError, type Exchange, type Gateway } from "../types.ts";
import type { BodyBounds } from "../upstream/read-body.ts";
import { UpstreamError } from "../upstream/types.ts";
import type { OpenReply } from "../upstream/upstream.ts";
import { toClientError } from "./failures.ts";
import { prepareOutput, type Prepared } from "../output/prepare.ts";
import { screenedFilter } from "../output/stream.ts";
import { screenWholeAnswer } from "../output/whole.ts";
import { createPlainFilter, type Usage, usageOf } from "./filter.ts";
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
  const prepared =
    gateway.output === null ? null : prepareOutput(request, gateway.output.policy, caller, gateway.secret);
  const asked = prepared?.body ?? request.body;
  const body = model === request.model ? asked : { ...asked, model };
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
    if (request.isStream && open.status < 300) await passStream(all, upstream, open, prepared, signal);
    else await passWhole(all, upstream, open, prepared, signal);
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
  all: Exchange,
  { name, key, maxResponseBytes, timeoutMs }: BoundedUpstream,
  open: OpenReply,
  prepared: Prepared | null,
  signal: AbortSignal,
): Promise<void> {
  const { gateway, request, reply } = all;
  // An answer in one piece may be long in coming: the deadline bounds it.
  const whole = await readReply(open, { maxBytes: maxResponseBytes, idleMs: timeoutMs, signal }, key);
  const usage = usageOf(whole.value);
  if (usage !== null) gateway.metrics.tokens(name, usage.prompt, usage.completion);
  const isAnswer = whole.status < 300 && request.surface.format !== null;
  if (!isAnswer || gateway.output === null || prepared === null) return sendJson(reply.code(whole.status), whole.text);
  const { json, headers } = await screenWholeAnswer(all, gateway.output, prepared.output, whole.value);
  sendJson(reply.code(whole.status).headers(headers), json ?? whole.text);
}

async function passStream(
  all: Exchange,
  upstream: BoundedUpstream,
  open: OpenReply,
  prepared: Prepared | null,
  signal: AbortSignal,
): Promise<void> {
  requireStream(open);
  const { name, key: secret, maxResponseBytes: maxBytes, idleTimeoutMs: idleMs } = upstream;
  const bounds: BodyBounds = { maxBytes, idleMs, signal };
  const target = { open: () => openStream(all) };
  const onUsage = ({ prompt, completion }: Usage): void => all.gateway.metrics.tokens(name, prompt, completion);
  if (all.gateway.output === null || prepared === null) {
    const isResponse = all.request.surface.name === "responses";
    return await relayStream(open, createPlainFilter({ isResponse, secret, onUsage }), target, bounds);
  }
  const { filter, record } = screenedFilter(all, all.gateway.output, prepared.output, { secret, onUsage });
  try {
    await relayStream(open, filter, target, bounds);
  } finally {
    await record();
  }
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
