/** What each isolation level and each engine promises. What it does not is reported as such, never left out. */
import { NOT_PROMISED_BY_DOCKER } from "../docker/promises.ts";
import { GVISOR_EXCEPTIONS } from "../oci/promises.ts";
import { type CheckGroup, CONTRACT_CHECKS } from "../testing/checks.ts";
import { ISOLATION_LEVELS, type IsolationLevel } from "../types.ts";
import { notPromisedByWasm } from "../wasm/promises.ts";
import type { SelfCheck } from "./types.ts";

const rank = (level: IsolationLevel): number => ISOLATION_LEVELS.indexOf(level);

/** Subjects of the contract that every level promises, but for single checks that need isolation. */
const CONDUCT: ReadonlySet<CheckGroup> = new Set(["outcomes", "io", "spec", "cleanup"]);

/** By id of the contract's check, or its beginning with `*`: the reason. */
type Exceptions = Readonly<Record<string, string>>;

const SHELL_NAMES_NONE = "no shell names this signal: it is reported as the exit code 130 or 141";

/** Of every engine whose programs are started by a shell inside (`launcher/`). */
const LAUNCHED: Exceptions = {
  "outcomes.signaled-int": SHELL_NAMES_NONE,
  "outcomes.signaled-pipe": SHELL_NAMES_NONE,
};

/** Attacks beyond the contract's that change gVisor's own kernel inside, and nothing on the host. */
const OWN_KERNEL: Exceptions = {
  "processes.priority": "priorities are those of gVisor's own kernel, inside the sandbox's share of the host",
  "files.procfs-redirect": "its /proc/self/oom_score_adj is that of gVisor's own kernel",
};

/** What an engine does not promise although its level does. */
const EXCEPTIONS_OF_ENGINES: Readonly<Record<string, Exceptions>> = {
  subprocess: LAUNCHED,
  bubblewrap: LAUNCHED,
  runc: LAUNCHED,
  crun: LAUNCHED,
  docker: { ...LAUNCHED, ...NOT_PROMISED_BY_DOCKER },
  gvisor: { ...LAUNCHED, ...GVISOR_EXCEPTIONS, ...OWN_KERNEL },
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
  if (engine.isolation === "wasm") {
    const isOfContract = CONTRACT_CHECKS.some(({ id }) => id === check.id);
    return isOfContract ? notPromisedByWasm(check.id) : "the attack is made of system calls, and a program has none";
  }
  const isConduct = CONDUCT.has(check.group) && check.control === null;
  if (rank(engine.isolation) < rank("namespace") && !isConduct) {
    return `level ${engine.isolation} does not promise it`;
  }
  return exceptionIn(EXCEPTIONS_OF_ENGINES[engine.name] ?? {}, check.id);
}
