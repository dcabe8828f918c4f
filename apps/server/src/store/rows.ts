import type { Outcome, Run, RunSummary, StoredRunEvent } from "@crucible/contract";
import type { Selectable } from "kysely";
import type { ClaimedRun, FinishedAttempt } from "./run-writer.ts";
import type { RunsTable } from "./schema.ts";

/** Columns of a run without the large ones. */
export const SUMMARY_COLUMNS = [
  "id",
  "status",
  "language",
  "engine",
  "isolation_level",
  "isolation_request",
  "priority",
  "labels",
  "attempt",
  "created_at",
  "started_at",
  "finished_at",
  "outcome_status",
  "exit_code",
  "signal",
  "wall_ms",
] as const satisfies (keyof RunsTable)[];
export type SummaryRow = Pick<Selectable<RunsTable>, (typeof SUMMARY_COLUMNS)[number]>;
export type RunRow = SummaryRow & { outcome: string | null };

/** A row as the contract's summary. */
export function rowToSummary(row: SummaryRow): RunSummary {
  const { outcome_status: status } = row;
  return {
    ...common(row),
    outcome:
      status === null
        ? null
        : {
            status,
            exitCode: row.exit_code,
            signal: row.signal,
            engine: row.engine,
            isolation: row.isolation_level,
            wallMs: row.wall_ms ?? 0,
          },
  };
}

/** The run that a claim and its stored end make, as reading its row would give it. */
export function finishedRun(run: ClaimedRun, end: FinishedAttempt): Run {
  const { request } = run;
  return {
    id: run.id,
    status: "finished",
    language: run.language,
    isolation: request.isolation ?? null,
    priority: request.priority,
    labels: request.labels,
    attempt: run.attempt,
    createdAt: run.createdAt.toISOString(),
    startedAt: run.startedAt.toISOString(),
    finishedAt: end.finishedAt.toISOString(),
    outcome: end.outcome,
  };
}

/** Outcomes from before there was a score have none. */
function readOutcome(text: string): Outcome {
  const stored = JSON.parse(text) as Omit<Outcome, "behaviourScore"> & { behaviourScore?: number };
  return { ...stored, behaviourScore: stored.behaviourScore ?? 0 };
}

/** A stored event; ends of runs from before there was a score have none. */
export function readEvent(text: string): StoredRunEvent {
  const event = JSON.parse(text) as StoredRunEvent;
  return event.type === "run.finished" ? { ...event, behaviourScore: event.behaviourScore ?? 0 } : event;
}

/** A row as the contract's run. */
export function rowToRun(row: RunRow): Run {
  return { ...common(row), outcome: row.outcome === null ? null : readOutcome(row.outcome) };
}

function common(row: SummaryRow): Omit<Run, "outcome"> {
  return {
    id: row.id,
    status: row.status,
    language: row.language,
    isolation: row.isolation_request === null ? null : (JSON.parse(row.isolation_request) as Run["isolation"]),
    priority: row.priority,
    labels: row.labels,
    attempt: row.attempt,
    createdAt: row.created_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
}
