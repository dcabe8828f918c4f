import { ApiError } from "@crucible/contract";
import { InvalidMessagesError, type Verdict } from "@crucible/guard";
import type { Caller, Gateway } from "../types.ts";
import type { ModelRequest } from "./read-request.ts";
import { textOf } from "./text.ts";

/** A prompt that was screened. */
export interface Screened {
  readonly verdict: Verdict;
  /** `scr_…`, under which it is recorded. */
  readonly screeningId: string;
  /** For the answer, whatever it is. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Screens what a request would tell a model, counts it, and puts it on record. Rejects with `ApiError` for a prompt
 * that is malformed or too long, and with the signal's reason.
 */
export async function screenPrompt(
  { guard, metrics, recorder, config, log }: Gateway,
  request: ModelRequest,
  { requestId, keyId, signal }: Caller,
): Promise<Screened> {
  const { messages, surface, model } = request;
  const text = textOf(messages);
  if (text.length > config.maxTextLength) {
    const most = `the text of the request must be at most ${config.maxTextLength} characters`;
    throw new ApiError("payload_too_large", most, { field: surface.field });
  }
  const startMs = performance.now();
  const verdict = await guard.screen(messages, { signal }).catch((error: unknown) => {
    throw error instanceof InvalidMessagesError ? invalid(error, surface.field) : error;
  });
  const latencyMs = performance.now() - startMs;
  metrics.screened(verdict, latencyMs);
  const screeningId = recorder.nextId();
  const { decision, admitted, stage, probability, reason, cached, evidence, failures, perStage } = verdict;
  for (const { stage: name, reason: why, message, fail } of failures) {
    log.warn(
      { requestId, screeningId, stage: name, reason: why, fail, detail: message },
      "a stage of the guard failed",
    );
  }
  if (decision === "block")
    log.info({ requestId, screeningId, stage, score: probability, model }, "a prompt was blocked");
  // Waits only where the record cannot keep up: then the gateway slows down rather than forgets.
  await recorder.record({
    id: screeningId,
    source: "gateway",
    direction: "input",
    decision,
    admitted,
    stage,
    score: probability,
    reason,
    cached,
    latencyMs,
    model,
    keyId,
    requestId,
    evidence,
    failures,
    perStage,
    findings: [],
    text,
  });
  return { verdict, screeningId, headers: headersOf(verdict, screeningId) };
}

/** A decision that anybody can read without the body. */
function headersOf({ decision, stage, probability }: Verdict, screeningId: string): Record<string, string> {
  return {
    "x-crucible-decision": decision,
    "x-crucible-stage": stage ?? "none",
    ...(probability === null ? {} : { "x-crucible-score": probability.toFixed(4) }),
    "x-crucible-screening-id": screeningId,
  };
}

/** The guard speaks of messages; the client sent a prompt, or input. */
function invalid(error: InvalidMessagesError, name: string): ApiError {
  const rename = (text: string): string => text.replace(/^messages\b/, name);
  const field = rename(error.field);
  return new ApiError("invalid_request", `\`${field}\`${rename(error.message).slice(field.length)}`, {
    field,
    cause: error,
  });
}
