import { constants } from "node:os";
import type { GroupUsage } from "../cgroup/types.ts";
import type { LimitName, Limits, OutcomeStatus } from "../types.ts";
import type { StopStatus } from "./step-watch.ts";

/** Everything known about how a step ended. */
export interface StepEvidence {
  /** Set when we ended it. */
  readonly stopped: StopStatus | null;
  /** The launcher's report; null when it never came. */
  readonly report: { readonly code: number; readonly signalled: boolean } | null;
  readonly diskFull: boolean;
  readonly fileFull: boolean;
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  readonly cpuMs: number | null;
  /** Counters of this step alone; null without a control group. */
  readonly group: Pick<GroupUsage, "oomKills" | "refusedForks"> | null;
}

export interface StepVerdict {
  readonly status: OutcomeStatus;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly limitsHit: readonly LimitName[];
}

/** Some numbers have a second, older name (SIGIOT, SIGPOLL), which comes later in the list. */
const SIGNAL_NAMES = new Map<number, string>(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name]),
);

/** The shell convention, 128 + n, for a signal that the shell itself has named. */
const signalOf = (code: number): string => SIGNAL_NAMES.get(code - 128) ?? `SIG${code - 128}`;

const LIMIT_OF_STOP = { timed_out: "wallTimeMs", cpu_exceeded: "cpuTimeMs", cancelled: null } as const;

/** Turns evidence into the one status that names the end. Our own reasons come first, then the kernel's, then the program's. */
export function classify(evidence: StepEvidence, limits: Limits): StepVerdict {
  const hit = new Set<LimitName>();
  if ((evidence.group?.oomKills ?? 0) > 0) hit.add("memoryBytes");
  if ((evidence.group?.refusedForks ?? 0) > 0) hit.add("pids");
  if (evidence.stdoutTruncated) hit.add("stdoutBytes");
  if (evidence.stderrTruncated) hit.add("stderrBytes");
  const end = (status: OutcomeStatus, signal: string | null, exitCode: number | null = null): StepVerdict => ({
    status,
    exitCode,
    signal,
    limitsHit: [...hit],
  });

  if (evidence.stopped !== null) {
    const limit = evidence.stopped === "output_exceeded" ? null : LIMIT_OF_STOP[evidence.stopped];
    if (limit !== null) hit.add(limit);
    return end(evidence.stopped, "SIGKILL");
  }
  const failed = evidence.report === null || evidence.report.code !== 0;
  if (failed && hit.has("memoryBytes")) return end("out_of_memory", "SIGKILL");
  // The launcher's own sandbox could not go on under the program's processes: the program's doing.
  if (evidence.report === null && hit.has("pids")) return end("signaled", "SIGKILL");
  if (evidence.report === null) return end("sandbox_failed", null);

  const { code, signalled } = evidence.report;
  const signal = code > 128 && signalled ? signalOf(code) : null;
  // RLIMIT_CPU sends SIGXCPU, and SIGKILL a second later to those that ignore it.
  const cpuSpent = evidence.cpuMs !== null && evidence.cpuMs >= limits.cpuTimeMs;
  if (signal === "SIGXCPU" || (signal === "SIGKILL" && cpuSpent)) {
    hit.add("cpuTimeMs");
    return end("cpu_exceeded", signal);
  }
  if (signal === "SIGXFSZ" || (failed && evidence.fileFull)) {
    hit.add("fileSizeBytes");
    return end("disk_exceeded", signal, signal === null ? code : null);
  }
  if (failed && evidence.diskFull) {
    hit.add("diskBytes");
    return end("disk_exceeded", signal, signal === null ? code : null);
  }
  return signal === null ? end("exited", null, code) : end("signaled", signal);
}

/** For people: what a status other than `exited` means here. */
export function reasonFor(
  status: OutcomeStatus,
  limits: Limits,
  hit: readonly LimitName[],
  signal: string | null,
): string | null {
  switch (status) {
    case "exited":
    case "compile_failed":
    case "sandbox_failed":
      return null;
    case "signaled":
      return `ended by ${signal}`;
    case "timed_out":
      return `over the wall time limit of ${limits.wallTimeMs} ms`;
    case "cpu_exceeded":
      return `over the processor time limit of ${limits.cpuTimeMs} ms`;
    case "out_of_memory":
      return `over the memory limit of ${limits.memoryBytes} bytes`;
    case "output_exceeded":
      return hit.includes("stdoutBytes")
        ? `over the standard output limit of ${limits.stdoutBytes} bytes`
        : `over the standard error limit of ${limits.stderrBytes} bytes`;
    case "disk_exceeded":
      return hit.includes("fileSizeBytes")
        ? `over the file size limit of ${limits.fileSizeBytes} bytes`
        : `over the disk limit of ${limits.diskBytes} bytes`;
    case "cancelled":
      return "cancelled by the caller";
    default:
      status satisfies never;
      return null;
  }
}
