import { z } from "zod";
import { OutcomeStatus } from "./runs.ts";

const base = { runId: z.string(), at: z.iso.datetime() };

/**
 * Everything that happens to a run. All but `run.output` are kept in an append-only table;
 * output lives in the outcome once the run has finished.
 */
export const RunEvent = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("run.queued"), ...base, language: z.string() }),
    z.object({ type: z.literal("run.started"), ...base, attempt: z.number().int(), engine: z.string() }),
    z.object({
      type: z.literal("run.output"),
      ...base,
      step: z.enum(["compile", "run"]),
      stream: z.enum(["stdout", "stderr"]),
      data: z.string().meta({ description: "Base64: a chunk may end inside a character." }),
      offset: z.number().int().min(0).optional().meta({
        description: "Bytes of this stream before this chunk: a reader that joined late sees what it missed.",
      }),
    }),
    z.object({
      type: z.literal("run.requeued"),
      ...base,
      reason: z.string().meta({ description: "Such as a worker that died or a server that stopped." }),
    }),
    z.object({ type: z.literal("run.cancel_requested"), ...base }),
    z.object({
      type: z.literal("run.violation"),
      ...base,
      kind: z.string(),
      detail: z.string(),
    }),
    z.object({
      type: z.literal("run.finished"),
      ...base,
      status: OutcomeStatus,
      exitCode: z.number().int().nullable(),
      signal: z.string().nullable(),
      reason: z.string().nullable(),
      behaviourScore: z.number().int().min(0).max(100).default(0).meta({
        description: "What its violations weigh together: 0 for nothing seen, up to 100.",
      }),
    }),
  ])
  .meta({ id: "RunEvent" });
export type RunEvent = z.infer<typeof RunEvent>;
export type RunEventType = RunEvent["type"];

/** Those that are stored, each with a number that only grows: the SSE `id` and Last-Event-ID. */
export type StoredRunEvent = Exclude<RunEvent, { type: "run.output" }>;
