/** What each isolation level and each engine promises. What it does not is reported as such, never left out. */
import type { CheckGroup } from "../testing/check.ts";
import { ISOLATION_LEVELS, type IsolationLevel } from "../types.ts";
import type { SelfCheck } from "./types.ts";

const rank = (level: IsolationLevel): number => ISOLATION_LEVELS.indexOf(level);

/** Subjects of the contract that every level promises, but for single checks that need isolation. */
const CONDUCT: ReadonlySet<CheckGroup> = new Set(["outcomes", "io", "spec", "cleanup"]);

/** By id of the contract's check, or its beginning with `*`: the reason. */
type Exceptions = Readonly<Record<string, string>>;

const SHELL_NAMES_NONE = "no shell names this signal: it is reported as the exit code 130 or 141";

/** What an engine does not promise although its level does. */
const EXCEPTIONS_OF_ENGINES: Readonly<Record<string, Exceptions>> = {
  subprocess: {},
  bubblewrap: {
    "outcomes.signaled-int": SHELL_NAMES_NONE,
    "outcomes.signaled-pipe": SHELL_NAMES_NONE,
  },
};

function exceptionIn(exceptions: Exceptions, id: string): string | null {
  for (const [pattern, reason] of Object.entries(exceptions)) {
    if (pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern) return reason;
  }
  return null;
}

/** Why an engine does not promise a check; null where it does. */
export function notPromised(
  { check }: Pick<SelfCheck, "check">,
  engine: { readonly name: string; readonly isolation: IsolationLevel },
): string | null {
  const isConduct = CONDUCT.has(check.group) && check.control === null;
  if (rank(engine.isolation) < rank("namespace") && !isConduct) {
    return `level ${engine.isolation} does not promise it`;
  }
  return exceptionIn(EXCEPTIONS_OF_ENGINES[engine.name] ?? {}, check.id);
}
