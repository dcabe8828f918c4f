import { ErrorBody } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";

/**
 * What can go wrong on this side of the wire: `unreachable` (no connection, or it broke), `timed_out` (no answer in
 * time), `unexpected_reply` (an answer that is not of this contract: another program or version).
 */
export type ClientErrorCode = ErrorCode | "unreachable" | "timed_out" | "unexpected_reply";

/** Any failed call: an error of the server in its own code, or one of this side. Aborting a call rejects with its reason. */
export class ClientError extends Error {
  readonly code: ClientErrorCode;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly field: string | undefined;
  readonly requestId: string | undefined;
  /** From the Retry-After header. */
  readonly retryAfterSeconds: number | undefined;
  constructor(
    code: ClientErrorCode,
    message: string,
    details: {
      status?: number;
      field?: string | undefined;
      requestId?: string | undefined;
      retryAfterSeconds?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, { cause: details.cause });
    this.name = "ClientError";
    this.code = code;
    this.status = details.status ?? 0;
    this.field = details.field;
    this.requestId = details.requestId;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}

/** The error that an unsuccessful reply stands for. Reads its body. */
export async function errorOfReply(reply: Response): Promise<ClientError> {
  const seconds = Number(reply.headers.get("retry-after") ?? Number.NaN);
  const details = {
    status: reply.status,
    requestId: reply.headers.get("x-request-id") ?? undefined,
    retryAfterSeconds: Number.isFinite(seconds) ? seconds : undefined,
  };
  const text = await reply.text().catch(() => "");
  try {
    const { error } = ErrorBody.parse(JSON.parse(text));
    return new ClientError(error.code, error.message, { ...details, field: error.field, requestId: error.requestId });
  } catch (cause) {
    return new ClientError(
      "unexpected_reply",
      `HTTP ${reply.status} without an error of this API: ${text.slice(0, 200)}`,
      { ...details, cause },
    );
  }
}
