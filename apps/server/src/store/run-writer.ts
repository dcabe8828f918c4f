import type { Outcome, RunRequest, StoredRunEvent } from "@crucible/contract";
import { sql } from "kysely";
import type { Tx } from "./database.ts";
import { SUMMARY_COLUMNS, type RunRow } from "./rows.ts";

/** A run on its way into the database. */
export interface NewRun {
  readonly id: string;
  readonly createdAt: Date;
  readonly request: RunRequest;
  readonly engine: string;
  readonly isolationLevel: string;
}

/** A run that this worker has just claimed; `attempt` is the token its finish must name. */
export interface ClaimedRun {
  readonly id: string;
  readonly attempt: number;
  readonly engine: string;
  readonly isolationLevel: Outcome["isolation"];
  readonly language: string;
  readonly request: RunRequest;
  readonly createdAt: Date;
  readonly startedAt: Date;
  readonly cancelRequested: boolean;
}

/** How one attempt of a run ended. */
export interface FinishedAttempt {
  readonly id: string;
  readonly attempt: number;
  readonly finishedAt: Date;
  readonly outcome: Outcome;
}

/** Stores accepted runs as queued. One statement whatever their number. */
export async function insertRuns(tx: Tx, runs: readonly NewRun[]): Promise<void> {
  const column = (read: (run: NewRun) => string | null): (string | null)[] => runs.map(read);
  await sql`
    insert into runs (id, status, language, engine, isolation_level, isolation_request, priority, labels, request, created_at)
    select id, 'queued', language, engine, isolation_level, isolation_request, priority::int, labels::jsonb, request, created_at::timestamptz
    from unnest(
      ${column((run) => run.id)}::text[], ${column((run) => run.request.language)}::text[],
      ${column((run) => run.engine)}::text[], ${column((run) => run.isolationLevel)}::text[],
      ${column((run) => (run.request.isolation ? JSON.stringify(run.request.isolation) : null))}::text[],
      ${column((run) => String(run.request.priority))}::text[], ${column((run) => JSON.stringify(run.request.labels))}::text[],
      ${column((run) => JSON.stringify(run.request))}::text[], ${column((run) => run.createdAt.toISOString())}::text[]
    ) as r (id, language, engine, isolation_level, isolation_request, priority, labels, request, created_at)
  `.execute(tx);
}

/** Turns queued runs into running ones of this worker. Those that are not queued any more are left out. */
export async function claimRuns(
  tx: Tx,
  ids: readonly string[],
  workerId: string,
  startedAt: Date,
): Promise<ClaimedRun[]> {
  const { rows } = await sql<{
    id: string;
    attempt: number;
    engine: string;
    isolation_level: Outcome["isolation"];
    language: string;
    request: string;
    created_at: Date;
    cancel_requested: boolean;
  }>`
    update runs set status = 'running', attempt = attempt + 1, worker_id = ${workerId}, started_at = ${startedAt.toISOString()}
    where id = any(${ids}::text[]) and status = 'queued'
    returning id, attempt, engine, isolation_level, language, request, created_at, cancel_requested
  `.execute(tx);
  return rows.map((row) => ({
    id: row.id,
    attempt: row.attempt,
    engine: row.engine,
    isolationLevel: row.isolation_level,
    language: row.language,
    request: JSON.parse(row.request) as RunRequest,
    createdAt: row.created_at,
    startedAt,
    cancelRequested: row.cancel_requested,
  }));
}

/**
 * Stores how attempts ended, each only if that attempt is still the one that counts: a worker that was
 * thought dead cannot finish a run a second time. Returns the ids that were finished now.
 */
export async function finishRuns(tx: Tx, attempts: readonly FinishedAttempt[]): Promise<Set<string>> {
  const column = (read: (attempt: FinishedAttempt) => string | null): (string | null)[] => attempts.map(read);
  const { rows } = await sql<{ id: string }>`
    update runs set status = 'finished', worker_id = null, finished_at = f.finished_at::timestamptz, outcome = f.outcome,
      outcome_status = f.outcome_status, exit_code = f.exit_code::int, signal = f.signal, wall_ms = f.wall_ms::float8
    from unnest(
      ${column((end) => end.id)}::text[], ${column((end) => String(end.attempt))}::text[],
      ${column((end) => end.finishedAt.toISOString())}::text[], ${column((end) => JSON.stringify(end.outcome))}::text[],
      ${column((end) => end.outcome.status)}::text[], ${column(({ outcome }) => outcome.exitCode?.toString() ?? null)}::text[],
      ${column((end) => end.outcome.signal)}::text[], ${column((end) => String(end.outcome.wallMs))}::text[]
    ) as f (id, attempt, finished_at, outcome, outcome_status, exit_code, signal, wall_ms)
    where runs.id = f.id and runs.attempt = f.attempt::int and runs.status <> 'finished'
    returning runs.id
  `.execute(tx);
  return new Set(rows.map((row) => row.id));
}

/** Gives running runs back to the queue; `lost` counts those whose worker vanished. Returns the ids. */
export async function requeueRuns(
  tx: Tx,
  ids: readonly string[],
  workerId: string,
  lost: boolean,
): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    update runs set status = 'queued', worker_id = null, started_at = null, lost = lost + ${lost ? 1 : 0}
    where id = any(${ids}::text[]) and status = 'running' and worker_id = ${workerId}
    returning id
  `.execute(tx);
  return new Set(rows.map((row) => row.id));
}

/** Reads a run and keeps others from changing it until the transaction ends. */
export async function lockRun(tx: Tx, id: string): Promise<RunRow | undefined> {
  return tx
    .selectFrom("runs")
    .select([...SUMMARY_COLUMNS, "outcome"])
    .where("id", "=", id)
    .forUpdate()
    .executeTakeFirst();
}

/** Notes that somebody wants a running run stopped. */
export async function requestCancel(tx: Tx, id: string): Promise<void> {
  await tx.updateTable("runs").set({ cancel_requested: true }).where("id", "=", id).execute();
}

/** An event with the number it got. */
export interface AppendedEvent {
  readonly seq: number;
  readonly event: StoredRunEvent;
}

/** Where other processes hear of events; null where there are none. */
export interface Announce {
  readonly channel: string;
  /** Who announces, so that it can ignore itself. */
  readonly origin: string;
}

/** Appends events in the given order, and announces each to other processes when the transaction commits. */
export async function appendEvents(
  tx: Tx,
  events: readonly StoredRunEvent[],
  announce: Announce | null,
): Promise<AppendedEvent[]> {
  if (events.length === 0) return [];
  const { rows } = await sql<{ seq: number | string; run_id: string; type: string }>`
    insert into run_events (run_id, type, event)
    select run_id, type, event from unnest(
      ${events.map((event) => event.runId)}::text[], ${events.map((event) => event.type)}::text[],
      ${events.map((event) => JSON.stringify(event))}::text[]
    ) with ordinality as e (run_id, type, event, position) order by position
    returning seq, run_id, type
  `.execute(tx);
  // Rows come back in the order they went in.
  const appended = events.map((event, index) => ({ seq: Number(rows[index]?.seq), event }));
  if (announce !== null) {
    await sql`select pg_notify(${announce.channel}, ${announce.origin} || ' ' || note)
      from unnest(${appended.map(({ seq, event }) => `${seq} ${event.type} ${event.runId}`)}::text[]) as n (note)`.execute(
      tx,
    );
  }
  return appended;
}
