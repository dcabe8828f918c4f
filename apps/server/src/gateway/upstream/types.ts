import type { Readable } from "node:stream";

/** Why an upstream gave no answer that can be used. */
export type FailureKind =
  /** No connection: refused, no such host, no trust in its certificate. */
  | "unreachable"
  | "connect_timeout"
  /** The connection broke before a byte of an answer. */
  | "reset"
  /** No end of the answer within the total deadline. */
  | "timeout"
  /** Silence in the middle of an answer. */
  | "idle"
  /** The answer ended before it was whole. */
  | "cut"
  /** What came is no answer of the OpenAI API. */
  | "garbage"
  | "too_large"
  /** It does not take this server's key. */
  | "refused_key"
  /** It answered with an error status. */
  | "status"
  /** Calls to it rest. */
  | "circuit_open";

/** A call that failed. */
export class UpstreamError extends Error {
  readonly kind: FailureKind;
  /** When trying again may help, milliseconds; null where nobody knows. */
  readonly retryAfterMs: number | null;
  constructor(kind: FailureKind, message: string, details: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, { cause: details.cause });
    this.name = "UpstreamError";
    this.kind = kind;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** One attempt at a call. */
export interface UpstreamCall {
  /** Below the base URL, such as `/chat/completions`. */
  readonly path: string;
  readonly json: string;
  /** The same as `json`, already read. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Headers of the client that are passed on, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Aborted when the client leaves or the deadline passes; the reason is thrown. */
  readonly signal: AbortSignal;
}

/** An answer whose body has yet to come. */
export interface UpstreamReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Destroying it ends the call. */
  readonly body: Readable;
}

/** Carries one attempt. Rejects with `UpstreamError`, or with the signal's reason. */
export interface Transport {
  send(call: UpstreamCall): Promise<UpstreamReply>;
  close(): void;
}
