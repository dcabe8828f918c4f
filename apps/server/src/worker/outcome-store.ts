import { setTimeout as delay } from "node:timers/promises";
import type { EventBus } from "../events/types.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics-types.ts";
import { createBatch } from "../queue/batch.ts";
import { emptyOutcome } from "../empty-outcome.ts";
import { isDatabaseLost, retryingConflicts } from "../store/errors.ts";
import type { RecentRuns } from "../store/recent-runs.ts";
import { finishedRun } from "../store/rows.ts";
import type { ClaimedRun, FinishedAttempt } from "../store/run-writer.ts";
import { finish, type Place } from "./transitions.ts";

export interface OutcomeStoreDeps extends Place {
  readonly recent: RecentRuns;
  readonly bus: EventBus;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Where outcomes go. They wait here while the database is away. */
export interface OutcomeStore {
  /**
   * Resolves when it is stored (true) or turned out not to count any more (false). Whoever waits keeps its
   * slot, so no more outcomes wait than there are slots.
   */
  store(run: ClaimedRun, attempt: FinishedAttempt): Promise<boolean>;
  /** Tries nothing again from now on: what cannot be stored rejects. */
  giveUp(): void;
}

interface End {
  readonly run: ClaimedRun;
  readonly attempt: FinishedAttempt;
}

/** A database that answers and refuses an outcome this often will not take it. */
const REFUSALS = 5;
/** Outcomes stored in one transaction at most. */
const PER_TRANSACTION = 64;
const RETRY_FIRST_MS = 50;
const RETRY_AT_MOST_MS = 2_000;

export function createOutcomeStore(deps: OutcomeStoreDeps): OutcomeStore {
  const { bus, metrics, log, recent } = deps;
  const givenUp = new AbortController();
  let waiting = 0;

  const storeNow = async (ends: readonly End[]): Promise<boolean[]> => {
    const { ids, events } = await retryingConflicts(() =>
      finish(
        deps,
        ends.map((end) => end.attempt),
      ),
    );
    // Who is told of the end reads the run: it must be there first.
    for (const { run, attempt } of ends) if (ids.has(run.id)) recent.remember(finishedRun(run, attempt));
    for (const event of events) bus.publish(event);
    return ends.map(({ run }) => ids.has(run.id));
  };

  const storeBatch = createBatch<End, boolean | { readonly error: unknown }>(async (ends) => {
    try {
      return await storeNow(ends);
    } catch (error) {
      if (ends.length === 1 || isDatabaseLost(error)) return ends.map(() => ({ error }));
      // One that the database refuses must not keep the others out.
      return Promise.all(
        ends.map((end) =>
          storeNow([end]).then(
            (stored) => stored[0] === true,
            (cause: unknown) => ({ error: cause }),
          ),
        ),
      );
    }
  }, PER_TRANSACTION);

  const pause = async (ms: number): Promise<void> => {
    metrics.storePending((waiting += 1));
    // Half of it is random, so that many workers do not come back together.
    await delay(ms * (0.5 + Math.random() / 2), undefined, { signal: givenUp.signal }).catch(() => {});
    metrics.storePending((waiting -= 1));
  };

  return {
    store: async (run, attempt) => {
      let toStore = attempt;
      let refused = 0;
      for (let ms = RETRY_FIRST_MS; ; ms = Math.min(ms * 2, RETRY_AT_MOST_MS)) {
        const result = await storeBatch({ run, attempt: toStore });
        if (typeof result === "boolean") return result;
        const { error } = result;
        if (givenUp.signal.aborted) throw error;
        const databaseLost = isDatabaseLost(error);
        log.warn({ err: error, runId: attempt.id, databaseLost }, "an outcome could not be stored yet");
        if (!databaseLost && (refused += 1) === REFUSALS) toStore = unstorable(attempt, error);
        await pause(ms);
      }
    },
    giveUp: () => givenUp.abort(),
  };
}

/** The run must end all the same, and say why without its outcome. */
function unstorable(attempt: FinishedAttempt, error: unknown): FinishedAttempt {
  const { engine, isolation } = attempt.outcome;
  const reason = `its outcome could not be stored: ${error instanceof Error ? error.message : String(error)}`;
  return { ...attempt, outcome: emptyOutcome({ status: "sandbox_failed", engine, isolation, reason }) };
}
