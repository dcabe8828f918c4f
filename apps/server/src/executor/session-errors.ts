import { ApiError, type ErrorCode } from "@crucible/contract";
import {
  EngineUnavailableError,
  SessionError,
  SpecError,
  TooManySessionsError,
  type SessionFault,
} from "@crucible/sandbox";

const CODES: Readonly<Record<SessionFault, ErrorCode>> = {
  timeout: "sandbox_timeout",
  permission_denied: "permission_denied",
  not_found: "file_not_found",
  is_a_directory: "is_a_directory",
  not_a_directory: "not_a_directory",
  not_a_file: "not_a_file",
  not_text: "invalid_request",
  output_limit: "output_limit",
  input_full: "input_full",
  disk_full: "disk_full",
  too_many_open: "disk_full",
  bad_archive: "bad_archive",
  session_ended: "sandbox_ended",
  failed: "invalid_request",
};

/** What a sandbox that stays said, as the API says it; anything unforeseen stays an internal error. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof SessionError) return new ApiError(CODES[error.code], error.message, { cause: error });
  if (error instanceof SpecError) {
    const code = error.code === "invalid_field" ? "invalid_request" : error.code;
    return new ApiError(code, error.message, { field: error.field, cause: error });
  }
  if (error instanceof EngineUnavailableError) {
    const code = error instanceof TooManySessionsError ? "too_many_sandboxes" : "engine_unavailable";
    return new ApiError(code, error.fix === null ? error.message : `${error.message}; to change it: ${error.fix}`, {
      cause: error,
    });
  }
  return new ApiError("internal", "the sandbox could not be had", { cause: error });
}
