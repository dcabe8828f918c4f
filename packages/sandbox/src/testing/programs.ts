/** Short ways to write a program, run it and read what it reports. */
import assert from "node:assert/strict";
import type { Engine, OutcomeStatus, RunOptions, RunOutcome, RunSpec } from "../types.ts";
import { CheckInconclusiveError } from "./check.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Everything of a spec but language and files; `stdin` may be text. */
export type ProgramOptions = Omit<Partial<RunSpec>, "language" | "files" | "stdin"> & {
  readonly stdin?: string | Uint8Array;
};

/** Text to UTF-8 bytes. */
export function bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** UTF-8 bytes to text; what is not UTF-8 becomes U+FFFD. */
export function text(content: Uint8Array): string {
  return decoder.decode(content);
}

/** Template tag: raw text (no JavaScript escapes) without the indentation of its first line. */
export function code(strings: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  const raw = String.raw(strings, ...values).replace(/^\n/, "");
  const indent = /^ */.exec(raw)?.[0].length ?? 0;
  return raw
    .split("\n")
    .map((line) => (line.slice(0, indent).trim() === "" ? line.slice(indent) : line))
    .join("\n");
}

function oneFile(language: string, path: string, source: string, options: ProgramOptions): RunSpec {
  const { stdin, ...rest } = options;
  const spec: RunSpec = { language, files: [{ path, content: bytes(source) }], ...rest };
  if (stdin === undefined) return spec;
  return { ...spec, stdin: typeof stdin === "string" ? bytes(stdin) : stdin };
}

/** A Python program. */
export function python(source: string, options: ProgramOptions = {}): RunSpec {
  return oneFile("python", "main.py", source, options);
}

/** A bash program. */
export function bash(source: string, options: ProgramOptions = {}): RunSpec {
  return oneFile("bash", "main.sh", source, options);
}

/** A C program. */
export function c(source: string, options: ProgramOptions = {}): RunSpec {
  return oneFile("c", "main.c", source, options);
}

/** One line about an outcome, for messages. */
export function describeOutcome(outcome: RunOutcome): string {
  const parts = [
    outcome.status,
    outcome.exitCode === null ? "" : `code ${outcome.exitCode}`,
    outcome.signal ?? "",
    outcome.limitsHit.length === 0 ? "" : `limits hit: ${outcome.limitsHit.join(", ")}`,
    outcome.reason === null ? "" : `reason: ${outcome.reason}`,
    `stdout: ${JSON.stringify(text(outcome.stdout).slice(0, 400))}`,
    `stderr: ${JSON.stringify(text(outcome.stderr).slice(-600))}`,
    outcome.compile === null ? "" : `compile: ${outcome.compile.status} ${text(outcome.compile.stderr).slice(0, 400)}`,
  ];
  return parts.filter((part) => part !== "").join("; ");
}

/** @throws AssertionError when the outcome has another status. */
export function assertStatus(outcome: RunOutcome, status: OutcomeStatus): void {
  assert.equal(outcome.status, status, `expected ${status}, got: ${describeOutcome(outcome)}`);
}

/** @throws AssertionError when the program did not exit by itself with this code. */
export function assertExit(outcome: RunOutcome, exitCode: number): void {
  assertStatus(outcome, "exited");
  assert.equal(outcome.exitCode, exitCode, `expected exit code ${exitCode}, got: ${describeOutcome(outcome)}`);
}

/**
 * Runs an attack that must itself come to its end with exit code 0.
 * @throws CheckInconclusiveError when it did not.
 */
export async function runToEnd(engine: Engine, spec: RunSpec, options?: RunOptions): Promise<RunOutcome> {
  const outcome = await engine.run(spec, options);
  if (outcome.status !== "exited" || outcome.exitCode !== 0) {
    throw new CheckInconclusiveError(`the check's program did not come to its end: ${describeOutcome(outcome)}`);
  }
  return outcome;
}

/**
 * Runs an attack that prints one JSON value as its last line.
 * @throws CheckInconclusiveError when it did not.
 */
export async function runReport<T>(engine: Engine, spec: RunSpec, options?: RunOptions): Promise<T> {
  const outcome = await runToEnd(engine, spec, options);
  const last = text(outcome.stdout).trimEnd().split("\n").at(-1) ?? "";
  try {
    // The program is the check's own, so its shape is known.
    return JSON.parse(last) as T;
  } catch {
    throw new CheckInconclusiveError(`the check's program printed no report: ${describeOutcome(outcome)}`);
  }
}
