import { ApiError } from "@crucible/contract";
import type { FastifyReply, FastifyRequest } from "fastify";
import { toClientError } from "./answer/failures.ts";
import { pass } from "./answer/pass.ts";
import { sendJson, STREAM_HEADERS } from "./answer/send.ts";
import { blockedBody, refusalOf } from "./request/blocked.ts";
import { readRequest } from "./request/read-request.ts";
import { type Screened, screenPrompt } from "./request/screen.ts";
import type { Surface } from "./request/surface.ts";
import { ClientGoneError, type Exchange, type Gateway } from "./types.ts";

/**
 * Answers a request: read, screened, passed on, its answer passed back. Resolves when the answer has been handed over;
 * rejects with `ApiError` for all that can go wrong, before anything of an answer is sent.
 */
export async function exchange(
  gateway: Gateway,
  surface: Surface,
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const request = readRequest(surface, http.body);
  const target = gateway.models.find(request.model);
  const upstream = target === null ? undefined : gateway.upstreams.get(target.upstream);
  if (target === null || upstream === undefined) {
    const message = "no model of this name is served here; GET /v1/models lists them";
    throw new ApiError("model_not_found", message, { field: "model" });
  }
  const abort = new AbortController();
  const leave = gateway.inFlight.enter(abort);
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) abort.abort(new ClientGoneError());
  });
  const caller = { requestId: http.id, keyId: http.keyId, signal: abort.signal };
  const all: Exchange = { gateway, request, caller, reply };
  try {
    const screened = await screenPrompt(gateway, request, caller);
    reply.headers(screened.headers);
    const { decision, admitted } = screened.verdict;
    if (decision === "block") block(all, screened);
    else if (admitted) await pass(all, upstream, target.model, abort, passedOn(http));
    else throw new ApiError("guard_unavailable", "the guard cannot screen now, and lets nothing pass unscreened");
  } catch (error) {
    if (!(error instanceof ClientGoneError)) throw toClientError(error);
    // Nobody is there to read an answer.
    gateway.log.info({ requestId: http.id }, "the client left");
    reply.hijack();
  } finally {
    leave();
  }
}

/** Headers of a client that mean something to a server of models; all others stay here. */
const CLIENT_HEADERS = ["idempotency-key", "openai-beta"] as const;

function passedOn({ id, headers }: FastifyRequest): Record<string, string> {
  const found: Record<string, string> = { "x-request-id": id };
  for (const name of CLIENT_HEADERS) {
    const value = headers[name];
    if (typeof value === "string" && /^[\x20-\x7e]{1,256}$/.test(value)) found[name] = value;
  }
  return found;
}

function block({ gateway, request, caller, reply }: Exchange, { verdict, screeningId }: Screened): void {
  const { config, guard } = gateway;
  const { format } = request.surface;
  if (config.onBlock !== "refusal_200" || format === null) {
    const { requestId } = caller;
    const context = { policy: guard.policy, description: guard.describe(), requestId, screeningId };
    reply.code(config.onBlock === "status_446" ? 446 : 400).header("x-should-retry", "false");
    return sendJson(reply, JSON.stringify(blockedBody(request, verdict, context)));
  }
  const { head, answer } = refusalOf(request, config);
  if (!request.isStream) return sendJson(reply.code(200), JSON.stringify(format.body(head, answer)));
  void reply
    .code(200)
    .headers(STREAM_HEADERS)
    .send([...format.frames(head, answer)].join(""));
}
