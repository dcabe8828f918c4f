import { setTimeout as delay } from "node:timers/promises";
import type { Outcome } from "@crucible/contract";
import { emptyOutcome } from "../empty-outcome.ts";
import type { EventBus } from "../events/types.ts";
import type { Executor } from "../executor/types.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics-types.ts";
import { retryingConflicts } from "../store/errors.ts";
import type { RecentRuns } from "../store/recent-runs.ts";
import type { AppendedEvent, ClaimedRun } from "../store/run-writer.ts";
import { createOutcomeStore } from "./outcome-store.ts";
import { createRegistration } from "./registration.ts";
import { createSerial } from "./serial.ts";
import { claim, release, type Place } from "./transitions.ts";

/** How a worker works; all times in milliseconds. */
export interface WorkerSettings {
  /** Runs at once. */
  readonly concurrency: number;
  /** A worker not seen for this long is dead, and its runs are given to others. */
  readonly leaseMs: number;
  /** How often it says that it lives; well below the lease. */
  readonly heartbeatMs: number;
  /** How often it looks for work that nobody told it of. */
  readonly pollMs: number;
  /** Attempts that may end with a dead worker before the run is given up. */
  readonly maxAttempts: number;
}

export interface WorkerDeps extends Place {
  /** Names this worker in the database; never used twice. */
  readonly id: string;
  readonly executor: Executor;
  /** Where finished runs are kept for who reads them next. */
  readonly recent: RecentRuns;
  readonly bus: EventBus;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly settings: WorkerSettings;
}

export interface Worker extends AsyncDisposable {
  start(): Promise<void>;
  /**
   * Takes nothing more, lets what runs end within `drainMs`, and gives the rest back to the queue.
   * What the database does not take then is left to recovery.
   */
  stop(drainMs: number): Promise<void>;
}

interface Held {
  readonly run: ClaimedRun;
  /** Stops the program. */
  readonly abort: AbortController;
  readonly done: Promise<void>;
  /** Its outcome is of no interest any more. */
  givenBack: boolean;
}

/** Takes runs from the queue as slots are free, has them executed, and stores how each ended. */
export function createWorker(deps: WorkerDeps): Worker {
  const { id, queue, executor, bus, metrics, log, settings } = deps;
  const held = new Map<string, Held>();
  const serially = createSerial();
  const outcomes = createOutcomeStore(deps);
  const background = new Set<Promise<void>>();
  let stopping = false;
  let claiming = false;
  /** There may be work that was not taken yet. */
  let mayBeMore = false;

  const publish = (events: readonly AppendedEvent[]): void => {
    for (const event of events) bus.publish(event);
  };
  const showSlots = (): void => metrics.workerSlots(held.size, settings.concurrency);

  const execute = async (run: ClaimedRun, signal: AbortSignal): Promise<Outcome> => {
    if (signal.aborted) {
      return emptyOutcome({
        status: "cancelled",
        engine: run.engine,
        isolation: run.isolationLevel,
        reason: "cancelled before it started",
      });
    }
    const job = { runId: run.id, engine: run.engine, request: run.request };
    const told = new Map<string, number>();
    return executor.execute(job, {
      signal,
      onOutput: ({ step, stream, bytes }) => {
        const offset = told.get(`${step} ${stream}`) ?? 0;
        told.set(`${step} ${stream}`, offset + bytes.byteLength);
        const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
        bus.publish({
          seq: null,
          event: { type: "run.output", runId: run.id, at: new Date().toISOString(), step, stream, data, offset },
        });
      },
    });
  };

  const work = async (run: ClaimedRun, abort: AbortController): Promise<void> => {
    const startedAt = Date.now();
    const stopListening = bus.subscribe(run.id, ({ event }) => {
      if (event.type === "run.cancel_requested") abort.abort();
    });
    try {
      const outcome = await execute(run, abort.signal);
      if (held.get(run.id)?.givenBack === true) return;
      const stored = await outcomes.store(run, { id: run.id, attempt: run.attempt, finishedAt: new Date(), outcome });
      if (!stored) {
        log.warn(
          { runId: run.id, attempt: run.attempt },
          "an outcome came too late: the run was given to another worker",
        );
        return;
      }
      metrics.runFinished({
        status: outcome.status,
        language: run.language,
        engine: run.engine,
        waitMs: Math.max(0, startedAt - run.createdAt.getTime()),
        startMs: outcome.setupMs,
        runMs: outcome.wallMs,
        violations: [...new Set(outcome.violations.map(({ kind }) => kind))],
        behaviourScore: outcome.behaviourScore,
      });
    } catch (error) {
      log.error({ err: error, runId: run.id }, "a run was left to recovery");
    } finally {
      stopListening();
      held.delete(run.id);
      showSlots();
      // Looking into a queue that is known to be empty costs 0.4 ms, a fifth of the whole way of a run.
      if (mayBeMore) fillSlots();
    }
  };

  const claimOnce = async (): Promise<void> => {
    const wanted = settings.concurrency - held.size;
    const { runs, events } = await retryingConflicts(() => claim(deps, id, wanted));
    publish(events);
    for (const run of runs) {
      const abort = new AbortController();
      if (run.cancelRequested) abort.abort();
      const { promise: done, resolve } = Promise.withResolvers<void>();
      held.set(run.id, { run, abort, done, givenBack: false });
      void work(run, abort).then(resolve);
    }
    showSlots();
    if (runs.length === wanted) mayBeMore = true;
  };

  const fillSlots = (): void => {
    if (claiming || stopping) return;
    claiming = true;
    const claims = (async () => {
      try {
        while (mayBeMore && !stopping && held.size < settings.concurrency) {
          mayBeMore = false;
          await serially(claimOnce);
        }
      } catch (error) {
        mayBeMore = true;
        log.warn({ err: error }, "no work could be taken; trying again");
      } finally {
        claiming = false;
      }
    })();
    background.add(claims);
    void claims.then(() => background.delete(claims));
  };

  /** Takes work now if a slot is free, else when one gets free. Also remembered during a claim. */
  const look = (): void => {
    mayBeMore = true;
    fillSlots();
  };

  const takeAway = (runId: string): void => {
    const item = held.get(runId);
    if (item === undefined) return;
    item.givenBack = true;
    item.abort.abort();
  };

  const register = async () =>
    createRegistration({
      ...deps,
      catalog: JSON.stringify(await executor.catalog()),
      leaseMs: settings.leaseMs,
      maxAttempts: settings.maxAttempts,
      heldRuns: () => held.keys(),
      onCancelled: (runId) => held.get(runId)?.abort.abort(),
      onTakenAway: takeAway,
      onEvents: publish,
      onRecovered: ({ requeued, finished, events, sandboxesLost }) => {
        publish(events);
        for (let count = 0; count < requeued; count += 1) metrics.runRequeued();
        if (requeued + finished.length > 0)
          log.warn({ requeued, givenUp: finished.length }, "runs of dead workers were recovered");
        if (sandboxesLost > 0) log.warn({ sandboxesLost }, "sandboxes went with the process that had them");
        if (requeued > 0) queue.wake();
      },
    });

  /** Gives back what still runs, and ends it. */
  const giveUp = async (): Promise<void> => {
    const rest = [...held.values()];
    if (rest.length === 0) return;
    for (const item of rest) item.givenBack = true;
    try {
      const events = await release(
        deps,
        id,
        rest.map((item) => item.run.id),
        "the server stopped",
      );
      publish(events);
      for (const _ of events) metrics.runRequeued();
    } catch (error) {
      log.error({ err: error, runs: rest.length }, "running work could not be given back; it is left to recovery");
    }
    outcomes.giveUp();
    for (const item of rest) item.abort.abort();
    await Promise.all(rest.map((item) => item.done));
  };

  const undo = new AsyncDisposableStack();
  const worker: Worker = {
    start: async () => {
      const registration = await register();
      await registration.enter();
      undo.defer(() =>
        registration
          .leave()
          .catch((error: unknown) => log.warn({ err: error }, "the worker could not sign off; its lease will end")),
      );
      undo.defer(queue.onWake(look));
      const poll = setInterval(look, settings.pollMs);
      undo.defer(() => clearInterval(poll));
      const beat = setInterval(() => {
        serially(registration.beat).catch((error: unknown) =>
          log.warn({ err: error }, "the worker could not say that it lives"),
        );
      }, settings.heartbeatMs);
      undo.defer(() => clearInterval(beat));
      look();
    },
    stop: async (drainMs) => {
      if (stopping) return;
      stopping = true;
      await Promise.all(background);
      const drained = new AbortController();
      await Promise.race([
        Promise.all([...held.values()].map((item) => item.done)),
        delay(drainMs, undefined, { signal: drained.signal }).catch(() => {}),
      ]);
      drained.abort();
      await giveUp();
      await undo.disposeAsync();
      await serially(async () => {});
    },
    [Symbol.asyncDispose]: () => worker.stop(0),
  };
  return worker;
}
