import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../limits.ts";
import { OUTCOME_STATUSES } from "../types.ts";
import { classify, reasonFor } from "./classify.ts";
import type { StepEvidence } from "./classify.ts";

const evidence = (more: Partial<StepEvidence>): StepEvidence => ({
  stopped: null,
  report: { code: 0, signalled: false },
  diskFull: false,
  fileFull: false,
  stdoutTruncated: false,
  stderrTruncated: false,
  cpuMs: 1,
  group: { oomKills: 0, refusedForks: 0 },
  ...more,
});
const ended = (code: number, signalled = false) => ({ report: { code, signalled } });
const none = { exitCode: null, signal: null, limitsHit: [] };

describe("classify", () => {
  it.each<[string, Partial<StepEvidence>, object]>([
    ["a clean exit", {}, { status: "exited", exitCode: 0 }],
    ["an exit code", ended(3), { status: "exited", exitCode: 3 }],
    ["an exit code that looks like a signal", ended(139), { status: "exited", exitCode: 139, signal: null }],
    ["a signal", ended(139, true), { status: "signaled", exitCode: null, signal: "SIGSEGV" }],
    ["a signal with two names", ended(128 + 6, true), { status: "signaled", signal: "SIGABRT" }],
    ["a message without a signal", ended(2, true), { status: "exited", exitCode: 2 }],
    [
      "no report, and processes refused",
      { report: null, group: { oomKills: 0, refusedForks: 3 } },
      { ...none, status: "signaled", signal: "SIGKILL", limitsHit: ["pids"] },
    ],
    ["no report", { report: null }, { ...none, status: "sandbox_failed" }],
    [
      "an out-of-memory kill",
      { ...ended(137, true), group: { oomKills: 1, refusedForks: 0 } },
      { status: "out_of_memory", limitsHit: ["memoryBytes"] },
    ],
    [
      "an out-of-memory kill of the launcher",
      { report: null, group: { oomKills: 1, refusedForks: 0 } },
      { status: "out_of_memory" },
    ],
    [
      "an out-of-memory kill that it survived",
      { group: { oomKills: 1, refusedForks: 0 } },
      { status: "exited", limitsHit: ["memoryBytes"] },
    ],
    [
      "refused forks that it survived",
      { group: { oomKills: 0, refusedForks: 4 } },
      { status: "exited", limitsHit: ["pids"] },
    ],
    [
      "a wall time stop",
      { stopped: "timed_out", report: null },
      { status: "timed_out", signal: "SIGKILL", limitsHit: ["wallTimeMs"] },
    ],
    ["a stop that raced with the report", { stopped: "timed_out" }, { status: "timed_out", exitCode: null }],
    [
      "a stop for output",
      { stopped: "output_exceeded", report: null, stderrTruncated: true },
      { status: "output_exceeded", limitsHit: ["stderrBytes"] },
    ],
    ["a cancellation", { stopped: "cancelled", report: null }, { status: "cancelled", limitsHit: [] }],
    ["SIGXCPU", ended(128 + 24, true), { status: "cpu_exceeded", signal: "SIGXCPU", limitsHit: ["cpuTimeMs"] }],
    [
      "SIGKILL after the processor time was spent",
      { ...ended(137, true), cpuMs: DEFAULT_LIMITS.cpuTimeMs },
      { status: "cpu_exceeded" },
    ],
    ["SIGKILL by itself", ended(137, true), { status: "signaled", signal: "SIGKILL" }],
    ["SIGXFSZ", ended(128 + 25, true), { status: "disk_exceeded", signal: "SIGXFSZ", limitsHit: ["fileSizeBytes"] }],
    [
      "a failure with a file at its limit",
      { ...ended(1), fileFull: true },
      { status: "disk_exceeded", exitCode: 1, limitsHit: ["fileSizeBytes"] },
    ],
    [
      "a failure on a full disk",
      { ...ended(1), diskFull: true },
      { status: "disk_exceeded", exitCode: 1, limitsHit: ["diskBytes"] },
    ],
    ["success on a full disk", { diskFull: true }, { status: "exited", exitCode: 0 }],
  ])("names %s", (_, more, expected) => {
    expect(classify(evidence(more), DEFAULT_LIMITS)).toMatchObject(expected);
  });

  it("explains every status that a limit or a signal makes", () => {
    const silent = new Set(["exited", "compile_failed", "sandbox_failed"]);
    for (const status of OUTCOME_STATUSES) {
      const reason = reasonFor(status, DEFAULT_LIMITS, [], "SIGSEGV");
      expect(reason === null).toBe(silent.has(status));
    }
  });
});
