import { sql } from "kysely";
import { retryingConflicts } from "../store/errors.ts";
import type { AppendedEvent } from "../store/run-writer.ts";
import { recover, release, type Place, type Recovered } from "./transitions.ts";

export interface RegistrationDeps extends Place {
  readonly id: string;
  /** What this worker's executor offers, JSON: processes without an executor read it. */
  readonly catalog: string;
  readonly leaseMs: number;
  readonly maxAttempts: number;
  /** Runs that the worker knows of. */
  readonly heldRuns: () => Iterable<string>;
  /** A held run that somebody wants stopped. */
  readonly onCancelled: (runId: string) => void;
  /** A held run that is not this worker's any more. */
  readonly onTakenAway: (runId: string) => void;
  readonly onEvents: (events: readonly AppendedEvent[]) => void;
  readonly onRecovered: (recovered: Recovered) => void;
}

/** A worker's row in `workers`: while it is fresh, its runs are nobody else's. */
export interface Registration {
  /** Enters the row and recovers what dead workers left. Embedded, all earlier workers are dead. */
  enter(): Promise<void>;
  /** Refreshes the row, compares what is held with what the database says, recovers. Not during a claim. */
  beat(): Promise<void>;
  leave(): Promise<void>;
}

export function createRegistration(deps: RegistrationDeps): Registration {
  const { id, catalog, database } = deps;
  const { kysely } = database;
  // After an outage of the database everybody looks dead; all get one lease to show up again.
  let trustedSince = performance.now();

  const refresh = async (): Promise<void> => {
    await sql`insert into workers (id, seen_at, catalog) values (${id}, clock_timestamp(), ${catalog})
      on conflict (id) do update set seen_at = excluded.seen_at`.execute(kysely);
  };

  const compare = async (): Promise<void> => {
    const held = new Set(deps.heldRuns());
    const mine = await kysely
      .selectFrom("runs")
      .select(["id", "cancel_requested"])
      .where("worker_id", "=", id)
      .where("status", "=", "running")
      .execute();
    for (const run of mine) if (run.cancel_requested && held.has(run.id)) deps.onCancelled(run.id);
    // A claim whose commit broke with the connection: the database says ours, and nobody runs it.
    const unknown = mine.filter((run) => !held.has(run.id)).map((run) => run.id);
    if (unknown.length > 0)
      deps.onEvents(await release(deps, id, unknown, "its worker lost the database while it took the run"));
    const known = new Set(mine.map((run) => run.id));
    for (const runId of held) if (!known.has(runId)) deps.onTakenAway(runId);
  };

  const recoverDead = async (): Promise<void> => deps.onRecovered(await retryingConflicts(() => recover(deps, deps)));

  return {
    enter: async () => {
      if (database.kind === "pglite") await kysely.deleteFrom("workers").execute();
      await refresh();
      await recoverDead();
      trustedSince = Number.NEGATIVE_INFINITY;
    },
    beat: async () => {
      try {
        await refresh();
        await compare();
        if (performance.now() - trustedSince >= deps.leaseMs) await recoverDead();
      } catch (error) {
        trustedSince = performance.now();
        throw error;
      }
    },
    leave: async () => {
      await kysely.deleteFrom("workers").where("id", "=", id).execute();
    },
  };
}
