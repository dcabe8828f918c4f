import { randomUUID } from "node:crypto";
import { PgBoss, fromKysely } from "pg-boss";
import type { Log } from "../log.ts";
import type { Database, Tx } from "../store/database.ts";
import { idToUuid, uuidToId } from "../store/ids.ts";

/**
 * Which runs wait, and in what order. Every change is part of the caller's transaction, beside the change
 * of the run itself: a run is queued exactly while it has a waiting job, running while its job is active,
 * and finished when it has none. Jobs hold no data; a job's uuid is the bits of the run's ULID.
 */
export interface Queue extends AsyncDisposable {
  enqueue(tx: Tx, runs: readonly { readonly id: string; readonly priority: number }[]): Promise<void>;
  /** Claims up to `count` runs, highest priority first, then oldest. */
  take(tx: Tx, count: number): Promise<string[]>;
  /** Makes claimed runs wait again, in their old place. */
  putBack(tx: Tx, ids: readonly string[]): Promise<void>;
  /** Forgets runs, waiting or claimed. */
  remove(tx: Tx, ids: readonly string[]): Promise<void>;
  /** Tells workers of this process that there is something to take. Call it after the commit. */
  wake(): void;
  /** Returns the function that stops it. */
  onWake(listener: () => void): () => void;
  /** Throws when the queue's tables do not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

const NAME = "runs";
const DAY_SECONDS = 86_400;

/** Creates the queue's own tables (schema `pgboss`) where they are missing, and opens it. */
export async function openQueue({ database, log }: { database: Database; log: Log }): Promise<Queue> {
  const boss = new PgBoss({
    db: database.bossDb,
    backend: database.kind === "pglite" ? "pglite" : "postgres",
    // Nothing to supervise or schedule: jobs leave the table with their run, and a dead worker is found by
    // its lease in `workers`, in the same transaction that changes the run and tells of it.
    supervise: false,
    schedule: false,
  });
  boss.on("error", (error) => log.error({ err: error }, "queue"));
  boss.on("warning", (warning) => log.warn({ warning }, "queue"));
  await boss.start();
  // A job never expires by itself, and can be taken again without end: the run's row counts and decides.
  await boss.createQueue(NAME, {
    retryLimit: 1_000_000,
    retryDelay: 0,
    expireInSeconds: DAY_SECONDS - 1,
    retentionSeconds: 3650 * DAY_SECONDS,
  });
  // The library looks the queue up once, outside transactions: on the one connection of an embedded
  // database that must not happen for the first time inside one of ours.
  await boss.touch(NAME, randomUUID());
  const listeners = new Set<() => void>();

  const queue: Queue = {
    enqueue: async (tx, runs) => {
      await boss.insert(
        NAME,
        runs.map((run) => ({ id: idToUuid(run.id), priority: run.priority })),
        { db: fromKysely(tx) },
      );
    },
    take: async (tx, count) => {
      const jobs = await boss.fetch(NAME, { batchSize: count, db: fromKysely(tx) });
      return jobs.map((job) => uuidToId("run", job.id));
    },
    putBack: async (tx, ids) => {
      if (ids.length > 0) await boss.fail(NAME, ids.map(idToUuid), null, { db: fromKysely(tx) });
    },
    remove: async (tx, ids) => {
      if (ids.length > 0) await boss.deleteJob(NAME, ids.map(idToUuid), { db: fromKysely(tx) });
    },
    wake: () => {
      for (const listener of listeners) listener();
    },
    onWake: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ping: async () => {
      await boss.getQueue(NAME);
    },
    close: async () => {
      await boss.stop({ graceful: false, close: false });
    },
    [Symbol.asyncDispose]: () => queue.close(),
  };
  return queue;
}
