/**
 * What can go wrong with one request to a session, in the words that evaluation frameworks tell apart
 * (Inspect's sandbox contract: time-out, permission denied, not found, is a directory, not text, output limit).
 */
export const SESSION_FAULTS = [
  "timeout",
  "permission_denied",
  "not_found",
  "is_a_directory",
  "not_a_directory",
  "not_a_file",
  "not_text",
  "output_limit",
  "input_full",
  "disk_full",
  "too_many_open",
  "bad_archive",
  "session_ended",
  "failed",
] as const;
export type SessionFault = (typeof SESSION_FAULTS)[number];

/** A request to a session that could not be carried out; the session itself lives on, but for `session_ended`. */
export class SessionError extends Error {
  readonly code: SessionFault;
  constructor(code: SessionFault, message: string) {
    super(message);
    this.name = "SessionError";
    this.code = code;
  }
}

const BY_ERRNO: Readonly<Record<string, SessionFault>> = {
  EACCES: "permission_denied",
  EPERM: "permission_denied",
  EROFS: "permission_denied",
  ENOENT: "not_found",
  ENXIO: "not_a_file",
  ENOTREG: "not_a_file",
  EISDIR: "is_a_directory",
  ENOTDIR: "not_a_directory",
  EEXIST: "not_a_directory",
  EFBIG: "output_limit",
  ENOSPC: "disk_full",
  EDQUOT: "disk_full",
  EMFILE: "too_many_open",
};

/** What the system inside said, as one of ours. `subject` is the path or program asked for. */
export function faultOf(errno: string, subject: string): SessionError {
  // `constructor` is a word of every object, and this one comes from inside.
  const code = (Object.hasOwn(BY_ERRNO, errno) ? BY_ERRNO[errno] : undefined) ?? "failed";
  const words = code === "failed" ? `${subject}: ${errno}` : `${subject}: ${code.replaceAll("_", " ")}`;
  return new SessionError(code, words);
}
