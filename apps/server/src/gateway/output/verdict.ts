import { ApiError } from "@crucible/contract";
import type { OutputPlace, OutputVerdict } from "@crucible/guard";
import type { ScreeningFinding } from "../screenings/types.ts";
import type { Exchange } from "../types.ts";

/** What the record and the headers say of a screened answer. */
export interface AnswerRecord {
  /** Null where the file wants no record of clean answers. */
  readonly screeningId: string | null;
  readonly decision: OutputVerdict["decision"];
}

/** Counts the verdict on an answer and puts it on record. `text` is what the model said. */
export async function recordAnswer(all: Exchange, verdict: OutputVerdict, text: string): Promise<AnswerRecord> {
  const { gateway, request, caller } = all;
  const { decision, admitted, findings, failures, perStage, latencyMs } = verdict;
  const first = findings.find(({ action }) => action === decision) ?? findings[0];
  const stage = first?.check ?? failures[0]?.stage ?? null;
  const reason = first?.kind ?? failures[0]?.reason ?? "clean";
  gateway.metrics.answerScreened(verdict, stage ?? "none", reason);
  if (decision === "allow" && failures.length === 0 && gateway.config.recordAnswers === "found") {
    return { screeningId: null, decision };
  }
  const screeningId = gateway.recorder.nextId();
  await gateway.recorder.record({
    id: screeningId,
    source: "gateway",
    direction: "output",
    decision,
    admitted,
    stage,
    score: first?.probability ?? null,
    reason,

    cached: false,
    latencyMs,
    model: request.model,
    keyId: caller.keyId,
    requestId: caller.requestId,
    evidence: first?.evidence ?? [],
    failures,
    perStage,
    findings: findings.map(({ check, kind, action, place, start, length, via }): ScreeningFinding => ({
      check,
      kind,
      action,
      path: pathOf(place),
      start,
      length,
      via,
    })),
    text,
  });
  if (!admitted || decision !== "allow") {
    const kinds = findings.map(({ check, kind }) => `${check}:${kind}`);
    gateway.log.warn({ requestId: caller.requestId, screeningId, decision, kinds }, "an answer was not clean");
  }
  return { screeningId, decision };
}

function pathOf(place: OutputPlace): string {
  const at = `choices[${place.choice}]`;
  return place.kind === "text" ? `${at}.${place.field}` : `${at}.tool_calls[${place.call}]`;
}

/** An answer that nobody could screen does not pass. */
export function guardDown(): ApiError {
  return new ApiError("guard_unavailable", "the guard cannot screen answers now, and lets none pass unscreened");
}
