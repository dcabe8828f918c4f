import { ApiError, type Run, type RunRequest } from "@crucible/contract";
import { emptyOutcome } from "../empty-outcome.ts";
import type { EventBus } from "../events/types.ts";
import type { Metrics } from "../metrics-types.ts";
import { createBatch } from "../queue/batch.ts";
import type { Queue } from "../queue/queue.ts";
import type { Database, Tx } from "../store/database.ts";
import { answeringDatabase, retryingConflicts } from "../store/errors.ts";
import { createIdSource } from "../store/ids.ts";
import { rowToRun } from "../store/rows.ts";
import { countQueued } from "../store/run-reader.ts";
import {
  appendEvents,
  finishRuns,
  insertRuns,
  lockRun,
  requestCancel,
  type Announce,
  type AppendedEvent,
  type NewRun,
} from "../store/run-writer.ts";
import { checkRequest, type Offer, type RefuseNetwork } from "./check.ts";
import type { Submit } from "./types.ts";

export interface SubmitDeps {
  readonly database: Database;
  readonly queue: Queue;
  readonly bus: EventBus;
  readonly announce: Announce | null;
  readonly catalog: () => Promise<Offer>;
  readonly knownLanguages: ReadonlySet<string>;
  readonly refuseNetwork: RefuseNetwork;
  readonly metrics: Metrics;
  /** Runs that may wait at most. */
  readonly queueLimit: number;
}

/** Submission that can be told to take nothing more. */
export interface ClosableSubmit extends Submit {
  /** From now on everything is refused with `shutting_down`. */
  refuse(): void;
}

/** Requests, single or batch, that share one transaction at most. */
const REQUESTS_PER_TRANSACTION = 64;
/** How long a count of waiting runs is believed while it is far from the limit, milliseconds. */
const COUNT_BELIEVED_MS = 1_000;
const RETRY_AFTER_SECONDS = 1;

type Accepted = readonly Run[] | ApiError;

/** Checks runs and takes them in: stored, enqueued and told of in one transaction. */
export function createSubmit(deps: SubmitDeps): ClosableSubmit {
  const { database, queue, bus, announce, catalog, knownLanguages, refuseNetwork, metrics, queueLimit } = deps;
  const nextId = createIdSource("run");
  let refusing = false;
  let counted = { depth: 0, at: Number.NEGATIVE_INFINITY };

  /** How many may still come in. Exact where it is close, else from a recent count of this process. */
  const room = async (tx: Tx, wanted: number): Promise<number> => {
    const old = performance.now() - counted.at > COUNT_BELIEVED_MS;
    if (old || counted.depth + wanted > queueLimit) counted = { depth: await countQueued(tx), at: performance.now() };
    return queueLimit - counted.depth;
  };

  /** Stores groups of runs; each group is accepted or refused as a whole. */
  const accept = createBatch<readonly NewRun[], Accepted>(async (groups) => {
    const results: Accepted[] = [];
    const runs: NewRun[] = [];
    let events: AppendedEvent[] = [];
    await database.kysely.transaction().execute(async (tx) => {
      let left = await room(
        tx,
        groups.reduce((sum, group) => sum + group.length, 0),
      );
      for (const group of groups) {
        if (group.length > left) {
          results.push(
            new ApiError("queue_full", `${queueLimit - Math.max(0, left)} runs wait, the limit is ${queueLimit}`, {
              retryAfterSeconds: RETRY_AFTER_SECONDS,
            }),
          );
          continue;
        }
        left -= group.length;
        runs.push(...group);
        results.push(group.map(queuedRun));
      }
      if (runs.length === 0) return;
      await insertRuns(tx, runs);
      await queue.enqueue(
        tx,
        runs.map(({ id, request }) => ({ id, priority: request.priority })),
      );
      events = await appendEvents(tx, runs.map(queuedEvent), announce);
    });
    counted.depth += runs.length;
    for (const event of events) bus.publish(event);
    for (const run of runs) metrics.runsAccepted(run.request.language, 1);
    for (const result of results) if (result instanceof ApiError) metrics.queueFull();
    if (runs.length > 0) queue.wake();
    return results;
  }, REQUESTS_PER_TRANSACTION);

  const submitAll = async (
    requests: readonly RunRequest[],
    prefix: (index: number) => string,
  ): Promise<readonly Run[]> => {
    if (refusing) throw new ApiError("shutting_down", "the server is stopping", { retryAfterSeconds: 5 });
    const offer = await catalog();
    const runs = requests.map((request, index): NewRun => {
      const checked = checkRequest(request, { catalog: offer, knownLanguages, refuseNetwork }, prefix(index));
      return {
        ...nextId(),
        request: checked.request,
        engine: checked.engine.engine,
        isolationLevel: checked.engine.isolation,
      };
    });
    const result = await answeringDatabase(() => accept(runs));
    if (result instanceof ApiError) throw result;
    return result;
  };

  return {
    submitRun: async (request) => firstOf(await submitAll([request], () => "")),
    submitBatch: async (requests) => [...(await submitAll(requests, (index) => `runs[${index}].`))],
    cancelRun: (id) => answeringDatabase(() => retryingConflicts(() => cancel(id, { database, queue, bus, announce }))),
    refuse: () => {
      refusing = true;
    },
  };
}

/** A queued run ends at once; a running one is asked to stop, and its worker finishes it. */
async function cancel(
  id: string,
  { database, queue, bus, announce }: Pick<SubmitDeps, "database" | "queue" | "bus" | "announce">,
): Promise<Run> {
  let events: AppendedEvent[] = [];
  const run = await database.kysely.transaction().execute(async (tx) => {
    const row = await lockRun(tx, id);
    if (row === undefined) throw new ApiError("not_found", `there is no run ${id}`);
    if (row.status === "finished") throw new ApiError("run_not_cancellable", `run ${id} has already finished`);
    const at = new Date();
    const asked = { type: "run.cancel_requested", runId: id, at: at.toISOString() } as const;
    if (row.status === "running") {
      await requestCancel(tx, id);
      events = await appendEvents(tx, [asked], announce);
      return rowToRun(row);
    }
    const reason = "cancelled before it started";
    const outcome = emptyOutcome({ status: "cancelled", engine: row.engine, isolation: row.isolation_level, reason });
    await finishRuns(tx, [{ id, attempt: row.attempt, finishedAt: at, outcome }]);
    await queue.remove(tx, [id]);
    const finished = {
      type: "run.finished",
      runId: id,
      at: at.toISOString(),
      status: "cancelled",
      exitCode: null,
      signal: null,
      reason,
      behaviourScore: 0,
    } as const;
    events = await appendEvents(tx, [asked, finished], announce);
    return { ...rowToRun(row), status: "finished", finishedAt: at.toISOString(), outcome } as const;
  });
  for (const event of events) bus.publish(event);
  return run;
}

function firstOf(runs: readonly Run[]): Run {
  const [run] = runs;
  if (run === undefined) throw new Error("a submission gave no run");
  return run;
}

function queuedRun({ id, request, createdAt }: NewRun): Run {
  return {
    id,
    status: "queued",
    language: request.language,
    isolation: request.isolation ?? null,
    priority: request.priority,
    labels: request.labels,
    attempt: 0,
    createdAt: createdAt.toISOString(),
    startedAt: null,
    finishedAt: null,
    outcome: null,
  };
}

function queuedEvent({ id, request, createdAt }: NewRun) {
  return { type: "run.queued", runId: id, at: createdAt.toISOString(), language: request.language } as const;
}
