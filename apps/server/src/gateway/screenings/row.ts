import { createHmac } from "node:crypto";
import type { ScreeningDetail } from "../../store/screening-reader.ts";
import type { ScreeningRow } from "../../store/screening-writer.ts";
import type { NewScreening } from "./types.ts";

/** Text that is kept of one screening, UTF-16 code units. */
export const MAX_TEXT = 65_536;
/** Names that callers choose, such as a model's. */
const MAX_NAME = 256;
/** What one list of details holds at most. */
const MAX_ITEMS = 32;

/** HMAC-SHA256 of a text, as 64 hexadecimal digits. */
export type HashText = (text: string) => string;

/** Builds the hash of this server: without its key nobody can find out a short prompt by trying. */
export function createHashText(key: string | Uint8Array): HashText {
  return (text) => createHmac("sha256", key).update(text).digest("hex");
}

/** A screening as it is stored. */
export function rowOf(screening: NewScreening, createdAt: Date, hash: HashText, storeText: boolean): ScreeningRow {
  const { evidence, failures, perStage, findings, text } = screening;
  const detail: ScreeningDetail = {
    evidence: evidence.slice(0, MAX_ITEMS).map((one) => ({ ...one, via: [...one.via] })),
    failures: failures.slice(0, MAX_ITEMS).map((failure) => ({ ...failure })),
    perStage: perStage.map(({ stage, probability, latencyMs }) => ({ stage, score: probability, latencyMs })),
    findings: findings.slice(0, MAX_ITEMS).map((finding) => ({ ...finding, via: [...finding.via] })),
  };
  return {
    id: screening.id,
    created_at: createdAt,
    source: screening.source,
    direction: screening.direction,
    decision: screening.decision,
    admitted: screening.admitted,
    stage: screening.stage,
    score: screening.score,
    reason: screening.reason,
    cached: screening.cached,
    latency_ms: screening.latencyMs,
    model: nameOf(screening.model),
    key_id: screening.keyId,
    request_id: nameOf(screening.requestId),
    text_hash: hash(text),
    text_length: text.length,
    text: storeText && !holdsSecret(findings) ? JSON.stringify(text.slice(0, MAX_TEXT)) : null,
    detail: JSON.stringify(detail),
  };
}

/** What was kept from the client must not lie in the record instead. */
function holdsSecret(findings: NewScreening["findings"]): boolean {
  return findings.some(({ check }) => check === "secrets" || check === "canary");
}

/** Short, and without what a database refuses in text. */
function nameOf(name: string | null): string | null {
  return name === null ? null : name.slice(0, MAX_NAME).replaceAll("\0", "\ufffd").toWellFormed();
}

/** What a row takes of the buffer, UTF-16 code units, about. */
export function sizeOf({ text, detail }: ScreeningRow): number {
  return (text?.length ?? 0) + detail.length + 512;
}
