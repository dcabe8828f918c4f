import { ApiError } from "@crucible/contract";

/** SQLSTATE classes and codes that mean "no database", not "bad statement" (PostgreSQL manual, appendix A). */
const LOST_SQLSTATE = /^(08|57P0[1-5]|53[0-9A-Z]{3}|58030|25006)/;
const LOST_ERRNO = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
  "EHOSTUNREACH",
  "ENETUNREACH",
]);
const LOST_MESSAGE =
  /connection terminated|connection ended|timeout exceeded when trying to connect|client has encountered a connection error|not queryable|query read timeout|pool after calling end|pglite is clos/i;

/** Whether an error of a driver says that the database does not answer (now). */
export function isDatabaseLost(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof ApiError) return at.code === "database_unavailable";
    const { code } = at as { code?: unknown };
    if (typeof code === "string" && (LOST_ERRNO.has(code) || LOST_SQLSTATE.test(code))) return true;
    if (LOST_MESSAGE.test(at.message)) return true;
    if (at instanceof AggregateError && at.errors.some(isDatabaseLost)) return true;
  }
  return false;
}

/**
 * Runs database work for a request.
 * @throws ApiError `database_unavailable` where the database is lost; anything else as it came.
 */
export async function answeringDatabase<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ApiError || !isDatabaseLost(error)) throw error;
    throw new ApiError("database_unavailable", "the database does not answer; try again in a moment", {
      retryAfterSeconds: 2,
      cause: error,
    });
  }
}

const CONFLICT_TRIES = 5;

/** Runs a transaction again when the database broke it off for another's sake (deadlock, serialization). */
export async function retryingConflicts<T>(work: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await work();
    } catch (error) {
      const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
      if (tried >= CONFLICT_TRIES || (code !== "40P01" && code !== "40001")) throw error;
    }
  }
}

/** There was no database at the start. The message has its place, and no password. */
export class DatabaseUnreachableError extends Error {
  readonly code = "database_unreachable";
  constructor(url: string | undefined, cause: unknown) {
    const place = url === undefined ? "the data directory" : new URL(url).host;
    super(`the database at ${place} does not answer; start it, or correct DATABASE_URL`, { cause });
    this.name = "DatabaseUnreachableError";
  }
}
