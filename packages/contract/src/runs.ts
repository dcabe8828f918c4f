import { z } from "zod";
import { Artifacts, ArtifactsRequest } from "./artifacts.ts";

/** Isolation ladder, weakest first. */
export const IsolationLevel = z
  .enum(["none", "wasm", "namespace", "container", "gvisor", "microvm"])
  .meta({ id: "IsolationLevel", description: "Isolation ladder, weakest first." });
export type IsolationLevel = z.infer<typeof IsolationLevel>;

export const OutcomeStatus = z
  .enum([
    "exited",
    "signaled",
    "timed_out",
    "cpu_exceeded",
    "out_of_memory",
    "output_exceeded",
    "disk_exceeded",
    "cancelled",
    "compile_failed",
    "sandbox_failed",
  ])
  .meta({ id: "OutcomeStatus", description: "How a run ended. `sandbox_failed` says nothing about the program." });
export type OutcomeStatus = z.infer<typeof OutcomeStatus>;

export const RunStatus = z.enum(["queued", "running", "finished"]).meta({ id: "RunStatus" });
export type RunStatus = z.infer<typeof RunStatus>;

const count = z.number().int();
const limitFields = {
  wallTimeMs: count.min(1).meta({ description: "Elapsed time, milliseconds." }),
  cpuTimeMs: count.min(1).meta({ description: "Processor time of all processes together, milliseconds." }),
  cpus: z.number().positive().meta({ description: "Processor cores that may be used at once." }),
  memoryBytes: count.min(1).meta({ description: "Memory and swap of all processes together, bytes." }),
  pids: count.min(1).meta({ description: "Processes and threads alive at once." }),
  stdoutBytes: count.min(0).meta({ description: "Standard output, bytes; the run is stopped at the next one." }),
  stderrBytes: count.min(0).meta({ description: "Standard error, bytes; the run is stopped at the next one." }),
  fileSizeBytes: count.min(0).meta({ description: "Largest file that can be written, bytes." }),
  diskBytes: count.min(1).meta({ description: "All files in one writable directory, bytes." }),
  openFiles: count.min(1).meta({ description: "Open file descriptors per process." }),
};
export const Limits = z.object(limitFields).meta({ id: "Limits" });
export type Limits = z.infer<typeof Limits>;
export const LimitsRequest = z.strictObject(limitFields).partial().meta({ id: "LimitsRequest" });
export const LimitName = z.enum(
  Object.keys(limitFields) as [keyof typeof limitFields, ...(keyof typeof limitFields)[]],
);

export const FileInput = z
  .strictObject({
    path: z.string().min(1).max(255).meta({ description: "Relative path below the working directory." }),
    content: z.string(),
    encoding: z.enum(["utf8", "base64"]).default("utf8"),
  })
  .meta({ id: "FileInput" });

export const IsolationRequest = z
  .union([
    z.strictObject({ engine: z.string().min(1).meta({ description: "Exactly this engine." }) }),
    z.strictObject({ atLeast: IsolationLevel.meta({ description: "This level or a stronger one." }) }),
  ])
  .meta({ id: "IsolationRequest" });
export type IsolationRequest = z.infer<typeof IsolationRequest>;

const envName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be a shell variable name")
  .max(128);
const noNul = (text: string): boolean => !text.includes("\0");
const argument = z.string().max(65_536).refine(noNul, "must not hold NUL");

/** More names than this is no environment and no labelling. */
const MAX_ENTRIES = 256;
const fewEntries = (record: Readonly<Record<string, string>>): boolean => Object.keys(record).length <= MAX_ENTRIES;
const entriesMessage = `must be at most ${MAX_ENTRIES} entries long`;

/** What POST /api/v1/runs takes. Exactly one of `code` and `files`. */
export const RunRequest = z
  .strictObject({
    language: z.string().min(1).max(64),
    code: z.string().optional().meta({ description: "The whole program as one file. Or give `files`." }),
    files: z.array(FileInput).min(1).max(256).optional(),
    entry: z
      .string()
      .optional()
      .meta({ description: "The file to start; default: the first. With `code`, what its file is called." }),
    args: z.array(argument).max(256).default([]),
    stdin: z.string().default(""),
    stdinEncoding: z.enum(["utf8", "base64"]).default("utf8"),
    env: z
      .record(envName, argument)
      .refine(fewEntries, entriesMessage)
      .meta({ maxProperties: MAX_ENTRIES })
      .default({}),
    network: z
      .strictObject({
        allow: z
          .array(z.string().min(3).max(262))
          .max(64)
          .meta({ description: "`name:port` or `*.name:port`; within what the operator allows." }),
      })
      .optional()
      .meta({
        description: "Default: none. Reached through a forward proxy; see docs/how-to/give-a-run-a-network.md.",
      }),
    artifacts: ArtifactsRequest.optional(),
    limits: LimitsRequest.default({}),
    compileLimits: LimitsRequest.default({}),
    isolation: IsolationRequest.optional(),
    priority: z.number().int().min(-100).max(100).default(0).meta({ description: "Higher runs first." }),
    labels: z
      .record(z.string().min(1).max(64), z.string().max(256))
      .refine(fewEntries, entriesMessage)
      .meta({ maxProperties: MAX_ENTRIES })
      .default({}),
  })
  .refine((request) => (request.code === undefined) !== (request.files === undefined), {
    path: ["code"],
    message: "or `files` must be given, and only one of them",
  })
  .meta({ id: "RunRequest" });
export type RunRequest = z.infer<typeof RunRequest>;
/** As a client writes it, with the defaults left out. */
export type RunRequestInput = z.input<typeof RunRequest>;

const outputText = (what: string) => z.string().meta({ description: `${what}, written as \`encoding\` says.` });
export const OutputEncoding = z
  .enum(["utf8", "base64"])
  .meta({ description: "`base64` when the bytes are not valid UTF-8." });

export const StepResult = z
  .object({
    status: OutcomeStatus,
    exitCode: z.number().int().nullable(),
    signal: z.string().nullable(),
    stdout: outputText("Standard output"),
    stdoutEncoding: OutputEncoding,
    stdoutTruncated: z.boolean(),
    stderr: outputText("Standard error"),
    stderrEncoding: OutputEncoding,
    stderrTruncated: z.boolean(),
    wallMs: z.number(),
    cpuMs: z.number().nullable(),
    peakMemoryBytes: z.number().nullable(),
    limitsHit: z.array(LimitName),
  })
  .meta({ id: "StepResult" });
export type StepResult = z.infer<typeof StepResult>;

export const Violation = z
  .object({
    kind: z.string().meta({ description: "Such as `canary_in_output`; docs/reference/outcomes.md lists them." }),
    detail: z.string(),
  })
  .meta({ id: "Violation", description: "Something the program tried that the engine saw." });

export const NetworkRequest = z
  .object({
    host: z.string().meta({ description: "As the program asked for it." }),
    port: z.number().int().nullable(),
    allowed: z.boolean(),
    reason: z
      .enum(["bad_request", "not_allowed", "reserved_address", "unknown_name", "unreachable", "over_limit"])
      .nullable(),
    sentBytes: z.number().int(),
    receivedBytes: z.number().int(),
  })
  .meta({ id: "NetworkRequest" });
export const NetworkLog = z
  .object({
    requests: z.array(NetworkRequest).meta({ description: "The first 200." }),
    allowedCount: z.number().int(),
    deniedCount: z.number().int(),
  })
  .meta({ id: "NetworkLog" });

export const Outcome = z
  .object({
    ...StepResult.shape,
    engine: z.string(),
    isolation: IsolationLevel,
    languageVersion: z.string().nullable(),
    reason: z.string().nullable(),
    setupMs: z.number(),
    limits: Limits.nullable(),
    compile: StepResult.nullable(),
    violations: z.array(Violation),
    behaviourScore: z.number().int().min(0).max(100).default(0).meta({
      description: "What the violations weigh together: 0 for nothing seen, up to 100.",
    }),
    network: NetworkLog.optional().meta({ description: "What the run asked for; absent without `network`." }),
    artifacts: Artifacts.optional().meta({ description: "Files of the run; absent unless it asked for them." }),
  })
  .meta({ id: "Outcome" });
export type Outcome = z.infer<typeof Outcome>;

export const Run = z
  .object({
    id: z.string().meta({ description: "`run_` and a ULID." }),
    status: RunStatus,
    language: z.string(),
    isolation: IsolationRequest.nullable(),
    priority: z.number().int(),
    labels: z.record(z.string(), z.string()),
    attempt: z.number().int().meta({ description: "How often it was started; more than 1 after a crash." }),
    createdAt: z.iso.datetime(),
    startedAt: z.iso.datetime().nullable(),
    finishedAt: z.iso.datetime().nullable(),
    outcome: Outcome.nullable().meta({ description: "Null until `status` is `finished`." }),
  })
  .meta({ id: "Run" });
export type Run = z.infer<typeof Run>;

/** In lists, without the output. */
export const RunSummary = z
  .object({
    ...Run.omit({ outcome: true }).shape,
    outcome: Outcome.pick({
      status: true,
      exitCode: true,
      signal: true,
      engine: true,
      isolation: true,
      wallMs: true,
    }).nullable(),
  })
  .meta({ id: "RunSummary" });
export type RunSummary = z.infer<typeof RunSummary>;

/** `?wait=true`: answer when the run has finished, or after 60 s with the run as it is. */
export const CreateRunQuery = z.strictObject({
  wait: z
    .stringbool()
    .default(false)
    .meta({ type: "boolean", default: false, description: "Answer when the run has finished." }),
});

export const BatchRequest = z
  .strictObject({ runs: z.array(RunRequest).min(1).max(1000) })
  .meta({ id: "BatchRequest", description: "All are accepted, or none." });
export const BatchResponse = z.object({ runs: z.array(Run) }).meta({ id: "BatchResponse" });

const moment = z.iso.datetime({ offset: true, error: "must be a date and time such as 2026-01-31T12:00:00Z" });

export const ListRunsQuery = z.strictObject({
  status: RunStatus.optional(),
  outcome: OutcomeStatus.optional(),
  language: z.string().optional().meta({ description: "Name or alias." }),
  engine: z.string().optional(),
  label: z
    .string()
    .regex(/^[^=]+=.*$/, "must be name=value")
    .optional()
    .meta({ description: "`name=value`" }),
  createdAfter: moment.optional(),
  createdBefore: moment.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().optional().meta({ description: "`nextCursor` of the page before." }),
});
export type ListRunsQuery = z.infer<typeof ListRunsQuery>;
export const RunPage = z
  .object({ runs: z.array(RunSummary), nextCursor: z.string().nullable() })
  .meta({ id: "RunPage", description: "Newest first." });
export type RunPage = z.infer<typeof RunPage>;

export const RunIdParams = z.strictObject({ id: z.string().regex(/^run_[0-9A-HJKMNP-TV-Z]{26}$/, "must be a run id") });
