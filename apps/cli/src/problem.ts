/** Something a person has to act on: one line what went wrong, one line what to do next. */
export class CliProblem extends Error {
  /** What to do next, or null where nothing helps. */
  readonly next: string | null;
  /** Null leaves it to the command: 125 for `run`, 2 for the others. */
  readonly exitCode: number | null;
  constructor(message: string, next: string | null, details: { exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.name = "CliProblem";
    this.next = next;
    this.exitCode = details.exitCode ?? null;
  }
}

/** A request that the backend will never run as it stands: other requests are not affected. Nothing was started. */
export class RefusedProblem extends CliProblem {}

interface Described {
  readonly message: string;
  readonly next: string | null;
}

/** Node's system errors that people meet, in words. */
const SYSTEM_ERRORS: Readonly<Record<string, (path: string) => Described>> = {
  ENOENT: (path) => ({ message: `there is no ${path}`, next: "check the path" }),
  EACCES: (path) => ({ message: `${path} may not be opened`, next: "check its permissions" }),
  EISDIR: (path) => ({ message: `${path} is a directory`, next: "name a file in it" }),
  ENOTDIR: (path) => ({ message: `a part of ${path} is not a directory`, next: "check the path" }),
  ENOSPC: (path) => ({ message: `no space left to write ${path}`, next: "free some space and run the command again" }),
};

/** Turns whatever was thrown into the two lines; errors of our packages carry `fix` and `field`. */
export function describe(error: unknown): Described {
  if (error instanceof CliProblem) return { message: error.message, next: error.next };
  if (!(error instanceof Error)) return { message: String(error), next: null };
  const { code, path, fix } = error as { code?: unknown; path?: unknown; fix?: unknown };
  // Node does not say which path where it was opened before, as for a directory that is read like a file.
  if (typeof code === "string" && (typeof path === "string" || code === "EISDIR")) {
    const known = SYSTEM_ERRORS[code]?.(typeof path === "string" ? path : "that");
    if (known !== undefined) return known;
  }
  if (typeof fix === "string") return { message: error.message, next: fix };
  return { message: error.message, next: "set CRUCIBLE_DEBUG=1 to see where it happened" };
}

/** The text on stderr for an error; the stack only with `CRUCIBLE_DEBUG`. */
export function problemText(error: unknown, debug: boolean): string {
  const { message, next } = describe(error);
  // Several wrong settings, or places of a policy, have a line each; any other message is one line, whoever wrote it.
  const isConfig =
    error instanceof CliProblem && (error.cause as { code?: unknown } | undefined)?.code === "invalid_config";
  const isPolicy = (error as { code?: unknown } | null)?.code === "invalid_policy";
  const listed = isPolicy || (isConfig && message.split("\n").length > 2);
  const lines = [`crucible: ${listed ? message : message.replaceAll(/\s*\n\s*/g, " ")}`];
  if (next !== null) lines.push(`next: ${next}`);
  if (debug && error instanceof Error && error.stack !== undefined) {
    lines.push(error.stack);
    if (error.cause instanceof Error && error.cause.stack !== undefined) lines.push(`caused by ${error.cause.stack}`);
  }
  return `${lines.join("\n")}\n`;
}
