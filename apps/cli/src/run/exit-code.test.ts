import { OutcomeStatus } from "@crucible/contract";
import { expect, test } from "vitest";
import { exitCodeOf } from "./exit-code.ts";

const outcome = (status: OutcomeStatus, details: { exitCode?: number; signal?: string } = {}) => ({
  status,
  exitCode: details.exitCode ?? null,
  signal: details.signal ?? null,
  compile: null,
});

test.each([
  ["exited", { exitCode: 0 }, 0],
  ["exited", { exitCode: 42 }, 42],
  ["signaled", { signal: "SIGSEGV" }, 139],
  ["signaled", { signal: "SIGKILL" }, 137],
  ["signaled", { signal: "SIGTERM" }, 143],
  ["timed_out", {}, 124],
  ["cpu_exceeded", {}, 152],
  ["out_of_memory", {}, 137],
  ["output_exceeded", {}, 141],
  ["disk_exceeded", {}, 153],
  ["cancelled", {}, 130],
  ["compile_failed", {}, 1],
  ["sandbox_failed", {}, 125],
] as const)("%s %o gives %i", (status, details, code) => {
  expect(exitCodeOf(outcome(status, details))).toBe(code);
});

test("every status has a code that a shell can show, and only an exit can give 0", () => {
  const codes = OutcomeStatus.options
    .filter((status) => status !== "exited")
    .map((status) => [status, exitCodeOf(outcome(status))] as const);
  expect(codes.filter(([, code]) => code <= 0 || code > 255)).toEqual([]);
});

test("a failed compiler's own code is passed on", () => {
  const step = {
    ...outcome("compile_failed", { exitCode: 4 }),
    stdout: "",
    stdoutEncoding: "utf8" as const,
    stdoutTruncated: false,
    stderr: "",
    stderrEncoding: "utf8" as const,
    stderrTruncated: false,
    wallMs: 1,
    cpuMs: null,
    peakMemoryBytes: null,
    limitsHit: [],
  };
  expect(exitCodeOf({ ...outcome("compile_failed"), compile: step })).toBe(4);
});
