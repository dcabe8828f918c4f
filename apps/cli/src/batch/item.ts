import { createHash } from "node:crypto";
import { OutcomeStatus, RunRequest } from "@crucible/contract";
import type { Outcome } from "@crucible/contract";
import { z } from "zod";
import { decodeText } from "../encode.ts";
import type { NumberedLine } from "./lines.ts";

/** What a line says its program should do. What is left out is not compared, but for the two defaults below. */
export const Expected = z.strictObject({
  stdout: z.string().optional(),
  stdoutEncoding: z.enum(["utf8", "base64"]).default("utf8"),
  /** Default: 0 when the program is expected to exit. */
  exitCode: z.number().int().optional(),
  /** Default: `exited`. */
  status: OutcomeStatus.default("exited"),
});
export type Expected = z.infer<typeof Expected>;

/** One line of a batch file, checked. */
export interface BatchItem {
  /** The line's `id`, or `line-N`. */
  readonly id: string;
  readonly line: number;
  /** Of the line's text: a changed line is run again when a batch is resumed. */
  readonly digest: string;
  readonly request: RunRequest;
  readonly expected: Expected | null;
}

export type ParsedLine =
  | { readonly ok: true; readonly item: BatchItem }
  | { readonly ok: false; readonly line: number; readonly message: string };

const Envelope = z.looseObject({
  id: z.union([z.string().min(1).max(256), z.number()]).optional(),
  expected: z.unknown().optional(),
});

const pathOf = (path: readonly PropertyKey[]): string =>
  path
    .reduce<string>((text, key) => (typeof key === "number" ? `${text}[${key}]` : `${text}.${String(key)}`), "")
    .slice(1);

function issuesOf(error: z.ZodError, prefix: string): string {
  return error.issues
    .slice(0, 3)
    .map((issue) => {
      const path = [prefix, pathOf(issue.path)].filter(Boolean).join(".");
      return path === "" ? issue.message : `${path}: ${issue.message}`;
    })
    .join("; ");
}

/** Reads one line: a run request with, beside it, an optional `id` and `expected`. */
export function parseLine({ number, text }: NumberedLine): ParsedLine {
  const bad = (message: string): ParsedLine => ({ ok: false, line: number, message });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return bad(`not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const envelope = Envelope.safeParse(json);
  if (!envelope.success) return bad(issuesOf(envelope.error, ""));
  const { id, expected: wanted, ...body } = envelope.data;
  const request = RunRequest.safeParse(body);
  if (!request.success) return bad(issuesOf(request.error, ""));
  const expected = wanted === undefined ? null : Expected.safeParse(wanted);
  if (expected !== null && !expected.success) return bad(issuesOf(expected.error, "expected"));
  return {
    ok: true,
    item: {
      id: id === undefined ? `line-${number}` : String(id),
      line: number,
      digest: createHash("sha256").update(text).digest("hex").slice(0, 16),
      request: request.data,
      expected: expected?.data ?? null,
    },
  };
}

/** What differs from the expectation, in words; empty when it was met. */
export function mismatches(expected: Expected, outcome: Outcome): string[] {
  const found: string[] = [];
  if (outcome.status !== expected.status) found.push(`status is ${outcome.status}, not ${expected.status}`);
  const exitCode = expected.exitCode ?? (expected.status === "exited" ? 0 : undefined);
  if (exitCode !== undefined && outcome.exitCode !== exitCode) {
    found.push(`exit code is ${outcome.exitCode ?? "none"}, not ${exitCode}`);
  }
  if (expected.stdout !== undefined) {
    const wanted = decodeText(expected.stdout, expected.stdoutEncoding);
    const got = decodeText(outcome.stdout, outcome.stdoutEncoding);
    if (!got.equals(wanted)) {
      let at = 0;
      while (at < got.length && at < wanted.length && got[at] === wanted[at]) at++;
      found.push(`stdout differs from byte ${at} on (${got.length} bytes, not ${wanted.length})`);
    }
  }
  return found;
}
