import type { RunEvent, StoredRunEvent } from "@crucible/contract";
import { sql } from "kysely";
import { emptyOutcome } from "../empty-outcome.ts";
import type { Queue } from "../queue/queue.ts";
import type { Database } from "../store/database.ts";
import {
  appendEvents,
  claimRuns,
  finishRuns,
  requeueRuns,
  type Announce,
  type AppendedEvent,
  type ClaimedRun,
  type FinishedAttempt,
} from "../store/run-writer.ts";
import { loseSandboxes } from "../store/sandbox-records.ts";

/** Where the changes of a worker go. */
export interface Place {
  readonly database: Database;
  readonly queue: Queue;
  readonly announce: Announce | null;
}

/** What a change did, with the events to publish now that it is committed. */
export interface Claimed {
  readonly runs: readonly ClaimedRun[];
  readonly events: readonly AppendedEvent[];
}
export interface Finished {
  readonly ids: ReadonlySet<string>;
  readonly events: readonly AppendedEvent[];
}
export interface Recovered {
  readonly requeued: number;
  readonly finished: readonly FinishedAttempt[];
  readonly events: readonly AppendedEvent[];
  /** Sandboxes that stay, which went with their process. */
  readonly sandboxesLost: number;
}

/** Claims up to `count` waiting runs for a worker. */
export async function claim({ database, queue, announce }: Place, workerId: string, count: number): Promise<Claimed> {
  return database.kysely.transaction().execute(async (tx) => {
    const ids = await queue.take(tx, count);
    if (ids.length === 0) return { runs: [], events: [] };
    const startedAt = new Date();
    const runs = await claimRuns(tx, ids, workerId, startedAt);
    if (runs.length < ids.length) {
      // Their runs are not waiting: such jobs must not come up again.
      const claimed = new Set(runs.map((run) => run.id));
      await queue.remove(
        tx,
        ids.filter((id) => !claimed.has(id)),
      );
    }
    const started = runs.map(
      ({ id, attempt, engine }) =>
        ({ type: "run.started", runId: id, at: startedAt.toISOString(), attempt, engine }) as const,
    );
    return { runs, events: await appendEvents(tx, started, announce) };
  });
}

/** Finishes attempts, all in one transaction; those that do not count any more are dropped. */
export async function finish(
  { database, queue, announce }: Place,
  attempts: readonly FinishedAttempt[],
): Promise<Finished> {
  return database.kysely.transaction().execute(async (tx) => {
    const ids = await finishRuns(tx, attempts);
    await queue.remove(tx, [...ids]);
    const events = attempts
      .filter((attempt) => ids.has(attempt.id))
      .flatMap((attempt) => [...violationEvents(attempt), finishedEvent(attempt)]);
    return { ids, events: await appendEvents(tx, events, announce) };
  });
}

/** Gives runs of a worker that is still alive back to the queue. */
export async function release(
  place: Place,
  workerId: string,
  ids: readonly string[],
  reason: string,
): Promise<AppendedEvent[]> {
  const { database, queue, announce } = place;
  return database.kysely.transaction().execute(async (tx) => {
    const requeued = [...(await requeueRuns(tx, ids, workerId, false))];
    await queue.putBack(tx, requeued);
    return appendEvents(
      tx,
      requeued.map((id) => requeuedEvent(id, reason)),
      announce,
    );
  });
}

/**
 * Finds what dead workers left running: it waits again, or after `maxAttempts` lost attempts ends as
 * `sandbox_failed`, or as `cancelled` where that was asked for. Dead is who was not seen for `leaseMs`.
 */
export async function recover(place: Place, options: { leaseMs: number; maxAttempts: number }): Promise<Recovered> {
  const { database, queue, announce } = place;
  return database.kysely.transaction().execute(async (tx) => {
    await sql`
      delete from workers where seen_at < clock_timestamp() - ${String(options.leaseMs)}::float8 * interval '1 ms'`.execute(
      tx,
    );
    const sandboxesLost = await loseSandboxes(tx);
    const { rows: orphans } = await sql<{
      id: string;
      worker_id: string;
      attempt: number;
      lost: number;
      engine: string;
      isolation_level: ClaimedRun["isolationLevel"];
      cancel_requested: boolean;
    }>`
      select id, worker_id, attempt, lost, engine, isolation_level, cancel_requested from runs
      where status = 'running' and not exists (select 1 from workers where workers.id = runs.worker_id)
      order by id for update skip locked`.execute(tx);
    if (orphans.length === 0) return { requeued: 0, finished: [], events: [], sandboxesLost };

    const ended = orphans.filter((run) => run.cancel_requested || run.lost + 1 >= options.maxAttempts);
    const finishedAt = new Date();
    const finished = ended.map((run): FinishedAttempt => {
      const end = run.cancel_requested
        ? ({ status: "cancelled", reason: "cancelled; its worker died while it ran" } as const)
        : ({ status: "sandbox_failed", reason: `its worker died ${run.lost + 1} times while it ran` } as const);
      return {
        id: run.id,
        attempt: run.attempt,
        finishedAt,
        outcome: emptyOutcome({ ...end, engine: run.engine, isolation: run.isolation_level }),
      };
    });
    await finishRuns(tx, finished);
    await queue.remove(
      tx,
      finished.map((run) => run.id),
    );

    const again = orphans.filter((run) => !ended.includes(run));
    for (const [workerId, runs] of Map.groupBy(again, (run) => run.worker_id)) {
      await requeueRuns(
        tx,
        runs.map((run) => run.id),
        workerId,
        true,
      );
    }
    await queue.putBack(
      tx,
      again.map((run) => run.id),
    );
    const events = [...again.map((run) => requeuedEvent(run.id, "its worker died")), ...finished.map(finishedEvent)];
    return { requeued: again.length, finished, events: await appendEvents(tx, events, announce), sandboxesLost };
  });
}

/** Readers stop at the end of a run: what was seen of it comes before. */
function violationEvents({ id, finishedAt, outcome }: FinishedAttempt): StoredRunEvent[] {
  const at = finishedAt.toISOString();
  return outcome.violations.map(({ kind, detail }) => ({ type: "run.violation", runId: id, at, kind, detail }));
}

function finishedEvent({ id, finishedAt, outcome }: FinishedAttempt) {
  return {
    type: "run.finished",
    runId: id,
    at: finishedAt.toISOString(),
    status: outcome.status,
    exitCode: outcome.exitCode,
    signal: outcome.signal,
    reason: outcome.reason,
    behaviourScore: outcome.behaviourScore,
  } as const satisfies RunEvent;
}

function requeuedEvent(runId: string, reason: string) {
  return { type: "run.requeued", runId, at: new Date().toISOString(), reason } as const satisfies RunEvent;
}
