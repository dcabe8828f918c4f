/** A self-check that a server has started: this module is a process of its own. */
import type { SelfcheckReport, SelfcheckRequest } from "@crucible/contract";
import { SELFCHECK_GROUPS } from "@crucible/sandbox/selfcheck";
import { CliProblem } from "../problem.ts";
import { type ProofSettings, proveHost } from "./prove.ts";

/** What the server says; the other side is `selfcheck/types.ts` there, and parses what it hears. */
type Order =
  | { readonly kind: "start"; readonly request: SelfcheckRequest; readonly settings: ProofSettings }
  | { readonly kind: "stop" };
type Answer =
  | { readonly kind: "step"; readonly total: number; readonly failed: boolean }
  | { readonly kind: "report"; readonly report: SelfcheckReport }
  | { readonly kind: "problem"; readonly reason: string };

/** Debian's; a server's own PATH is its affair. */
const TOOLS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const stop = new AbortController();
/** Resolves when the server has the message, or has gone. */
const say = (message: Answer): Promise<void> =>
  new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => resolve());
    else resolve();
  });

async function start({ request, settings }: Extract<Order, { kind: "start" }>): Promise<void> {
  const { engines = null, groups = SELFCHECK_GROUPS, quick } = request;
  const plan = { engines, groups: SELFCHECK_GROUPS.filter((group) => groups.includes(group)), quick };
  try {
    const report = await proveHost(plan, settings, {
      path: TOOLS,
      signal: stop.signal,
      onProgress: ({ total, failed }) => void say({ kind: "step", total, failed }),
    });
    // What was not carried out is inconclusive in it: that is no report to keep in place of a whole one.
    await say(stop.signal.aborted ? { kind: "problem", reason: "it was stopped" } : { kind: "report", report });
  } catch (error) {
    const reason = error instanceof CliProblem ? [error.message, error.next].filter(Boolean).join("; ") : String(error);
    await say({ kind: "problem", reason });
  }
  process.exit(0);
}

process.on("message", (message: Order) => {
  if (message.kind === "start") void start(message);
  else stop.abort();
});
// A server that is killed says nothing: the channel closes. What is being carried out comes to its end, no more.
process.on("disconnect", () => stop.abort());
// Ctrl-C in a terminal reaches the whole process group; the server decides what happens.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
