import { z } from "zod";

/**
 * Every error the HTTP API can give: status, what it means, and whether trying again can help.
 * docs/reference/errors.md has a section per code; a test keeps the two in step.
 */
export const ERROR_CODES = {
  invalid_request: { status: 400, meaning: "The request does not match the schema; `field` names the first place." },
  malformed_json: { status: 400, meaning: "The body is not JSON." },
  unknown_language: { status: 400, meaning: "No such language; see GET /api/v1/languages." },
  language_not_installed: { status: 400, meaning: "Known, but not installed on this host." },
  invalid_path: { status: 400, meaning: "A file path is absolute, climbs out, is empty or holds NUL." },
  limit_too_high: { status: 400, meaning: "A limit is above the maximum of this server." },
  network_not_allowed: { status: 403, meaning: "The operator lets runs reach less than `network.allow` asks for." },
  invalid_cursor: { status: 400, meaning: "The pagination cursor was not made by this server." },
  content_filter: { status: 400, meaning: "The guard took the prompt for an attack; no model has seen it." },
  bad_archive: { status: 400, meaning: "The bytes are no tar archive that can be unpacked." },
  unauthorized: { status: 401, meaning: "No key, or a key this server does not know." },
  host_not_allowed: {
    status: 403,
    meaning: "The Host header names no host of this server (a guard against DNS rebinding).",
  },
  permission_denied: { status: 403, meaning: "The sandbox's user may not do this inside." },
  file_not_found: { status: 404, meaning: "There is no such file, directory or program inside." },
  not_found: { status: 404, meaning: "No such resource or route." },
  model_not_found: { status: 404, meaning: "No upstream serves a model of this name; see GET /v1/models." },
  method_not_allowed: { status: 405, meaning: "The route exists, but not for this method." },
  is_a_directory: { status: 409, meaning: "A file was asked for, and the path is a directory." },
  not_a_directory: { status: 409, meaning: "A directory was asked for, and the path is something else." },
  not_a_file: { status: 409, meaning: "The path is a device, a FIFO or a socket." },
  disk_full: { status: 409, meaning: "The sandbox's disk limit is reached." },
  sandbox_ended: { status: 410, meaning: "The sandbox has ended; its `reason` says why." },
  run_not_cancellable: { status: 409, meaning: "The run has already finished." },
  selfcheck_running: { status: 409, meaning: "A self-check is running already; one at a time." },
  payload_too_large: { status: 413, meaning: "The body is over the limit of this server." },
  output_limit: { status: 413, meaning: "The file or archive is larger than a reply may be." },
  unsupported_media_type: { status: 415, meaning: "The body must be application/json." },
  sandbox_elsewhere: { status: 421, meaning: "Another process of this Crucible has the sandbox; ask that one." },
  queue_full: { status: 429, meaning: "Too many runs are waiting; try again after Retry-After seconds." },
  input_full: { status: 429, meaning: "The program does not read its terminal, and much waits for it already." },
  too_many_terminals: { status: 429, meaning: "The sandbox has as many terminals as it can; end one." },
  too_many_sandboxes: { status: 429, meaning: "As many sandboxes are open as there can be; close one." },
  internal: { status: 500, meaning: "A fault of this server; the log has the request id." },
  upstream_failed: { status: 502, meaning: "The model's server gave no answer that can be passed on." },
  guard_unavailable: {
    status: 503,
    meaning: "The guard could not screen the prompt, and the policy lets none past unscreened.",
  },
  upstream_unavailable: {
    status: 503,
    meaning: "The model's server failed often of late; calls to it rest for a while.",
  },
  engine_unavailable: { status: 503, meaning: "The engine asked for does not work on this host." },
  isolation_unavailable: { status: 503, meaning: "No engine here reaches the isolation level asked for." },
  database_unavailable: { status: 503, meaning: "The database does not answer; nothing was accepted." },
  shutting_down: { status: 503, meaning: "The server is stopping and takes no new work." },
  sandbox_timeout: { status: 504, meaning: "The sandbox did not answer in time and was ended." },
  upstream_timeout: { status: 504, meaning: "The model's server did not answer in its time." },
} as const satisfies Record<string, { status: number; meaning: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** The body of every error outside the compatibility APIs. */
export const ErrorBody = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
      field: z.string().optional().meta({ description: "Path of the field at fault, such as `files[0].path`." }),
      docs: z.string().meta({ description: "Where the error is explained." }),
      requestId: z.string(),
    }),
  })
  .meta({ id: "Error" });
export type ErrorBody = z.infer<typeof ErrorBody>;

/** An expected failure on its way to HTTP. `retryAfterSeconds` becomes the Retry-After header. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  constructor(
    code: ErrorCode,
    message: string,
    details: { field?: string; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.name = "ApiError";
    this.code = code;
    this.field = details.field;
    this.retryAfterSeconds = details.retryAfterSeconds;
  }
}
