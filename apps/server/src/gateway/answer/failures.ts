import { ApiError } from "@crucible/contract";
import { type FailureKind, UpstreamError } from "../upstream/types.ts";

/** What a client is told of each failure: that it happened, never the server's words. */
const TOLD = {
  unreachable: ["upstream_failed", "the model's server cannot be reached"],
  connect_timeout: ["upstream_timeout", "the model's server cannot be connected to in time"],
  reset: ["upstream_failed", "the model's server broke the connection"],
  timeout: ["upstream_timeout", "the model's server did not finish in time"],
  idle: ["upstream_timeout", "the model's server fell silent in the middle of its answer"],
  cut: ["upstream_failed", "the model's server broke off in the middle of its answer"],
  garbage: ["upstream_failed", "the model's server sent what is no answer of the OpenAI API"],
  too_large: ["upstream_failed", "the answer is larger than this server passes on"],
  refused_key: ["upstream_failed", "the model's server does not take this server's key"],
  status: ["upstream_failed", "the model's server answered with an error"],
  circuit_open: ["upstream_unavailable", "the model's server failed several times; try again later"],
} as const satisfies Record<FailureKind, readonly [ApiError["code"], string]>;

/** A failed call as the error that the client gets; any other value as it is. */
export function toClientError(error: unknown): unknown {
  if (!(error instanceof UpstreamError)) return error;
  const [code, message] = TOLD[error.kind];
  const wait = error.retryAfterMs;
  return new ApiError(code, message, {
    cause: error,
    ...(wait === null ? {} : { retryAfterSeconds: Math.ceil(wait / 1000) }),
  });
}
