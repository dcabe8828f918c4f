import { isUtf8 } from "node:buffer";
import { UpstreamError, type UpstreamReply } from "../upstream/types.ts";
import { type BodyBounds, readBody } from "../upstream/read-body.ts";

/** A whole answer of an upstream. */
export interface WholeReply {
  readonly status: number;
  /** As it came; text, because Node sends the head and a text in one packet, and a buffer in two. */
  readonly text: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** An error of the upstream is short; a longer one is not read. */
const MAX_ERROR_BYTES = 1024 * 1024;

/**
 * Reads an answer and makes sure that it is one: JSON, an object, and with an error status an error of the OpenAI API.
 * Rejects with `UpstreamError`. `secret` is this server's key: an answer that repeats it is not passed on.
 */
export async function readReply(reply: UpstreamReply, bounds: BodyBounds, secret: string | null): Promise<WholeReply> {
  const { status, headers, body } = reply;
  if (status === 401 || status === 403 || status === 407) {
    body.destroy();
    throw new UpstreamError("refused_key", `the upstream answered ${status}`);
  }
  if (status < 200 || (status >= 300 && status < 400)) {
    body.destroy();
    throw new UpstreamError("garbage", `the upstream answered ${status}`);
  }
  const isError = status >= 400;
  const bytes = await readBody(body, isError ? { ...bounds, maxBytes: MAX_ERROR_BYTES } : bounds);
  const kind = isError ? "status" : "garbage";
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    throw new UpstreamError(kind, `the upstream answered ${status} in an encoding that was not asked for`);
  }
  if (secret !== null && bytes.includes(secret)) {
    throw new UpstreamError(kind, `the upstream answered ${status} with this server's key in it`);
  }
  const text = isUtf8(bytes) ? bytes.toString("utf8") : "";
  const value = parse(text);
  if (value === null) throw new UpstreamError(kind, `the upstream answered ${status} with what is no JSON object`);
  if (isError && !isErrorBody(value))
    throw new UpstreamError(kind, `the upstream answered ${status} with no error in it`);
  if (
    !isError &&
    value["error"] !== undefined &&
    value["error"] !== null &&
    value["choices"] === undefined &&
    value["object"] === undefined
  ) {
    throw new UpstreamError(kind, `the upstream answered ${status} with an error in it`);
  }
  return { status, text, value };
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function isErrorBody({ error }: Readonly<Record<string, unknown>>): boolean {
  return typeof error === "object" && error !== null && typeof (error as { message?: unknown }).message === "string";
}

/** Headers of an upstream that a client may use. */
const PASSED_ON = /^(?:retry-after|retry-after-ms|x-should-retry|openai-processing-ms|x-ratelimit-[a-z0-9-]{1,64})$/;

/** The headers to pass on; the upstream's own request id gets a name of its own. */
export function passedOnHeaders(headers: UpstreamReply["headers"]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (typeof value !== "string") continue;
    if (PASSED_ON.test(name)) found[name] = value;
    else if (name === "x-request-id" && /^[\w.:-]{1,128}$/.test(value)) found["x-upstream-request-id"] = value;
  }
  return found;
}
