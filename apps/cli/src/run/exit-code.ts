import { constants } from "node:os";
import type { Outcome } from "@crucible/contract";

/** What `crucible run` itself failing gives: programs seldom use it, and `env`, `nohup` and `timeout` do the same. */
export const OWN_FAILURE = 125;

/**
 * The exit code that stands for an outcome, as a shell would give it where a shell has a way to say it:
 * 124 is `timeout`'s, 128+n is a signal's. A limit takes the code of the signal that the kernel uses for its kin.
 * docs/reference/cli.md holds the same table.
 */
export function exitCodeOf(outcome: Pick<Outcome, "status" | "exitCode" | "signal" | "compile">): number {
  switch (outcome.status) {
    case "exited":
      return outcome.exitCode ?? OWN_FAILURE;
    case "signaled":
      return 128 + (signalNumber(outcome.signal) ?? 0);
    case "timed_out":
      return 124;
    case "cpu_exceeded":
      return 128 + constants.signals.SIGXCPU;
    case "out_of_memory":
      return 128 + constants.signals.SIGKILL;
    case "output_exceeded":
      return 128 + constants.signals.SIGPIPE;
    case "disk_exceeded":
      return 128 + constants.signals.SIGXFSZ;
    case "cancelled":
      return 128 + constants.signals.SIGINT;
    case "compile_failed":
      // The compiler's own code, as `cc && ./a.out` would give it; a compiler stopped by a limit has none.
      return outcome.compile?.exitCode || 1;
    case "sandbox_failed":
      return OWN_FAILURE;
  }
}

function signalNumber(name: string | null): number | undefined {
  return name === null ? undefined : (constants.signals as Readonly<Record<string, number>>)[name];
}
