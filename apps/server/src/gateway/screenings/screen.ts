import { ApiError, type ScreeningReply, type ScreeningRequest } from "@crucible/contract";
import { type Guard, InvalidMessagesError, type PlaceVerdict, type Verdict } from "@crucible/guard";
import { timeOf } from "../../store/ids.ts";
import { textOf } from "../request/text.ts";
import type { Caller } from "../types.ts";
import type { HashText } from "./row.ts";
import type { ScreeningRecorder } from "./types.ts";

/** What screening without a model needs. */
export interface ScreenParts {
  readonly guard: Pick<Guard, "screen">;
  readonly recorder: ScreeningRecorder;
  readonly hash: HashText;
  /** Longest text of one request, UTF-16 code units. */
  readonly maxTextLength: number;
  /** Counts the screening; all of it took `ms`. */
  readonly onScreened: (verdict: Verdict, ms: number) => void;
}

/** Screens what a caller sends, as the gateway would, and puts it on record. Rejects with `ApiError`. */
export type Screen = (request: ScreeningRequest, caller: Caller) => Promise<ScreeningReply>;

/** Builds the function behind `POST /api/v1/screenings`. */
export function createScreen({ guard, recorder, hash, maxTextLength, onScreened }: ScreenParts): Screen {
  return async ({ text: bare, messages = [], model = null }, { requestId, keyId, signal }) => {
    const text = bare ?? textOf(messages);
    if (text.length > maxTextLength) {
      const most = `the text must be at most ${maxTextLength} characters`;
      throw new ApiError("payload_too_large", most, { field: bare === undefined ? "messages" : "text" });
    }
    const startMs = performance.now();
    const verdict = await guard.screen(bare ?? messages, { signal }).catch((error: unknown) => {
      if (!(error instanceof InvalidMessagesError)) throw error;
      throw new ApiError("invalid_request", error.message, { field: error.field, cause: error });
    });
    const latencyMs = performance.now() - startMs;
    onScreened(verdict, latencyMs);
    const id = recorder.nextId();
    const { failures, perStage, cached } = verdict;
    const shared = { id, source: "api", direction: "input", latencyMs, model, keyId, requestId, findings: [] } as const;
    const { path: _, ...whole } = placeOf(verdict);
    const recorded = await recorder.record({ ...shared, ...whole, cached, failures, perStage, text });
    return {
      ...shared,
      ...whole,
      findings: [],
      createdAt: timeOf(id).toISOString(),
      textHash: hash(text),
      textLength: text.length,
      failures: failures.map((failure) => ({ ...failure })),
      perStage: perStage.map(({ stage, probability, latencyMs: ms }) => ({ stage, score: probability, latencyMs: ms })),
      recorded,
      perMessage: verdict.perMessage.map((one) => ({ index: one.index, role: one.role, ...placeOf(one) })),
      joined: verdict.joined === null ? null : placeOf(verdict.joined),
      unscreened: verdict.unscreened.map((part) => ({ ...part })),
    };
  };
}

function placeOf({ path, decision, admitted, stage, probability, reason, cached, evidence }: PlaceVerdict) {
  const pieces = evidence.map(({ text, weight, via }) => ({ text, weight, via: [...via] }));
  return { path, decision, admitted, stage, score: probability, reason, cached, evidence: pieces };
}
