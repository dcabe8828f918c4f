import { z } from "zod";
import { ERROR_CODES, type ErrorCode } from "./errors.ts";
import { IsolationLevel, IsolationRequest, Limits, LimitsRequest, OutputEncoding, Violation } from "./runs.ts";

const argument = z
  .string()
  .max(65_536)
  .refine((text) => !text.includes("\0"), "must not hold NUL");
const variables = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a shell variable name")
      .max(128),
    argument,
  )
  .refine((record) => Object.keys(record).length <= 256, "must be at most 256 entries long")
  .meta({ maxProperties: 256 })
  .default({});
const path = z
  .string()
  .min(1)
  .max(4095)
  .refine((text) => !text.includes("\0"), "must not hold NUL")
  .meta({ description: "Inside; relative to the working directory, or absolute." });

/** What POST /api/v1/sandboxes takes. */
export const SandboxRequest = z
  .strictObject({
    language: z.string().min(1).max(64).optional().meta({ description: "Refused where it is not installed." }),
    image: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .meta({ description: "One that the operator has named; for engines that have images." }),
    isolation: IsolationRequest.optional(),
    limits: LimitsRequest.default({}).meta({
      description: "Times and output hold for each program, everything else for the whole sandbox.",
    }),
    env: variables,
    network: z
      .strictObject({ allow: z.array(z.string().min(3).max(262)).max(64) })
      .optional()
      .meta({ description: "As for runs." }),
    idleTimeoutMs: z
      .number()
      .int()
      .min(1_000)
      .max(86_400_000)
      .default(300_000)
      .meta({ description: "Closed when nothing has been asked of it for so long." }),
    lifetimeMs: z
      .number()
      .int()
      .min(1_000)
      .max(604_800_000)
      .default(3_600_000)
      .meta({ description: "Closed after so long, whatever happens." }),
    labels: z
      .record(z.string().min(1).max(64), z.string().max(256))
      .refine((labels) => Object.keys(labels).length <= 256, "must be at most 256 entries long")
      .meta({ maxProperties: 256 })
      .default({}),
  })
  .meta({ id: "SandboxRequest" });
export type SandboxRequest = z.infer<typeof SandboxRequest>;
export type SandboxRequestInput = z.input<typeof SandboxRequest>;

/** `lost`: it ended with the process that had it, which could not close it. */
export const SandboxStatus = z.enum(["open", "closed", "lost"]);
export type SandboxStatus = z.infer<typeof SandboxStatus>;

/** What ended a sandbox. The last two go with `lost`. */
export const SandboxEnd = z.enum([
  "deleted",
  "idle",
  "lifetime",
  "ended_by_itself",
  "server_stopped",
  "server_restarted",
  "executor_died",
]);
export type SandboxEnd = z.infer<typeof SandboxEnd>;

export const Sandbox = z
  .object({
    id: z.string().meta({ description: "`sbx_` and a ULID." }),
    status: SandboxStatus,
    language: z.string().nullable().meta({ description: "What was asked for." }),
    image: z.string().nullable().meta({ description: "What was asked for." }),
    engine: z.string(),
    isolation: IsolationLevel,
    limits: Limits,
    labels: z.record(z.string(), z.string()),
    idleTimeoutMs: z.number().int(),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().meta({ description: "Up to half a minute ago where another process has it." }),
    endsAt: z.iso.datetime().meta({ description: "When its lifetime is over." }),
    endedAt: z.iso.datetime().nullable(),
    endedBy: SandboxEnd.nullable(),
    reason: z.string().nullable().meta({ description: "The same in words." }),
    running: z
      .number()
      .int()
      .nullable()
      .meta({ description: "Programs in it at this moment; null where another process has it." }),
  })
  .meta({ id: "Sandbox" });
export type Sandbox = z.infer<typeof Sandbox>;
export const ListSandboxesQuery = z.strictObject({
  status: z.enum([...SandboxStatus.options, "any"]).default("open"),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional().meta({ description: "`nextCursor` of the page before." }),
});
export type ListSandboxesQuery = z.infer<typeof ListSandboxesQuery>;
export const SandboxPage = z
  .object({ sandboxes: z.array(Sandbox), nextCursor: z.string().nullable() })
  .meta({ id: "SandboxPage", description: "Newest first." });
export type SandboxPage = z.infer<typeof SandboxPage>;
export const SandboxIdParams = z.strictObject({
  id: z.string().regex(/^sbx_[0-9A-HJKMNP-TV-Z]{26}$/, "must be a sandbox id"),
});

/** What POST /api/v1/sandboxes/{id}/exec takes. */
export const ExecRequest = z
  .strictObject({
    argv: z.array(argument).min(1).max(1024).meta({ description: "The program and its arguments; no shell." }),
    cwd: path.optional(),
    env: variables,
    stdin: z.string().default(""),
    stdinEncoding: z.enum(["utf8", "base64"]).default("utf8"),
    user: z.string().max(64).optional().meta({ description: "There is one, `box`; any other is refused." }),
    timeoutMs: z
      .number()
      .int()
      .min(1)
      .optional()
      .meta({ description: "Default and maximum: the sandbox's wallTimeMs." }),
  })
  .meta({ id: "ExecRequest" });
export type ExecRequest = z.infer<typeof ExecRequest>;
export type ExecRequestInput = z.input<typeof ExecRequest>;

export const ExecResult = z
  .object({
    status: z.enum(["exited", "signaled", "timed_out", "out_of_memory", "output_exceeded", "cancelled"]),
    exitCode: z.number().int().nullable(),
    signal: z.string().nullable(),
    stdout: z.string(),
    stdoutEncoding: OutputEncoding,
    stdoutTruncated: z.boolean(),
    stderr: z.string(),
    stderrEncoding: OutputEncoding,
    stderrTruncated: z.boolean(),
    wallMs: z.number(),
    violations: z.array(Violation).default([]).meta({
      description: "What the program, or another one in the sandbox at the same time, tried; as far as it is seen.",
    }),
    behaviourScore: z.number().int().min(0).max(100).default(0).meta({
      description: "What the violations weigh together: 0 for nothing seen, up to 100.",
    }),
  })
  .meta({ id: "ExecResult" });
export type ExecResult = z.infer<typeof ExecResult>;

/** `?stream=true`: Server-Sent Events `output` and, at the end, `result` or `error`. */
export const ExecQuery = z.strictObject({
  stream: z.stringbool().default(false).meta({ type: "boolean", default: false, description: "Output as it comes." }),
});
export const PathQuery = z.strictObject({ path });
export const DirectoryQuery = z.strictObject({ path: path.default(".") });

export const DirectoryEntry = z
  .object({
    name: z.string(),
    kind: z.enum(["file", "directory", "symlink", "other"]),
    sizeBytes: z.number().int(),
    mode: z.number().int().meta({ description: "Permission bits." }),
    modifiedAt: z.iso.datetime(),
  })
  .meta({ id: "DirectoryEntry" });
export type DirectoryEntry = z.infer<typeof DirectoryEntry>;
export const DirectoryListing = z
  .object({ entries: z.array(DirectoryEntry), truncated: z.boolean() })
  .meta({ id: "DirectoryListing" });
export type DirectoryListing = z.infer<typeof DirectoryListing>;
export const FileWritten = z.object({ path: z.string(), sizeBytes: z.number().int() }).meta({ id: "FileWritten" });

const cells = z.number().int().min(1).max(4096);

/** What POST /api/v1/sandboxes/{id}/terminals takes. */
export const TerminalRequest = z
  .strictObject({
    argv: z
      .array(argument)
      .min(1)
      .max(1024)
      .default(["bash", "-i"])
      .meta({ description: "The program and its arguments; no shell in between." }),
    cwd: path.optional(),
    env: variables,
    rows: cells.default(24),
    columns: cells.default(80),
    idleTimeoutMs: z
      .number()
      .int()
      .min(1_000)
      .max(86_400_000)
      .default(900_000)
      .meta({ description: "Ended after so long without input or output." }),
  })
  .meta({ id: "TerminalRequest" });
export type TerminalRequest = z.infer<typeof TerminalRequest>;
export type TerminalRequestInput = z.input<typeof TerminalRequest>;

/** What the stream of a terminal tells: `opened` first, `result` or `error` last. */
export const TerminalEvent = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("opened"), terminal: z.string().meta({ description: "`trm_` and a ULID." }) }),
    z.object({ type: z.literal("output"), text: z.string(), encoding: OutputEncoding }),
    z.object({
      type: z.literal("result"),
      status: ExecResult.shape.status,
      exitCode: z.number().int().nullable(),
      signal: z.string().nullable(),
    }),
    z.object({
      type: z.literal("error"),
      code: z.enum(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
      status: z.number().int(),
    }),
  ])
  .meta({ id: "TerminalEvent" });
export type TerminalEvent = z.infer<typeof TerminalEvent>;

/** What a terminal takes at once, bytes; and what may wait for a program that does not read. */
export const TERMINAL_INPUT_BYTES = 65_536;

export const TerminalIdParams = SandboxIdParams.extend({
  terminal: z.string().regex(/^trm_[0-9A-HJKMNP-TV-Z]{26}$/, "must be a terminal id"),
});
export const TerminalSize = z.strictObject({ rows: cells, columns: cells }).meta({ id: "TerminalSize" });
export type TerminalSize = z.infer<typeof TerminalSize>;
export const TerminalInputTaken = z.object({ sizeBytes: z.number().int() }).meta({ id: "TerminalInputTaken" });
