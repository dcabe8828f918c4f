import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { emptyOutcome } from "../src/empty-outcome.ts";
import { SILENT } from "../src/log.ts";
import { openQueue, type Queue } from "../src/queue/queue.ts";
import { openDatabase, type Database } from "../src/store/database.ts";
import { createIdSource } from "../src/store/ids.ts";
import { migrate } from "../src/store/migrate.ts";
import { createRunReader } from "../src/store/run-reader.ts";
import { createSandboxRecords } from "../src/store/sandbox-records.ts";
import { appendEvents, insertRuns, requestCancel, type FinishedAttempt } from "../src/store/run-writer.ts";
import { createRegistration } from "../src/worker/registration.ts";
import { claim, finish, recover, type Place } from "../src/worker/transitions.ts";
import { KINDS, openTestDatabases, type TestDatabases } from "./databases.ts";
import { sandboxOf } from "./fake-session.ts";
import { request } from "./server-fixture.ts";

const LEASE_MS = 60_000;

describe.each(KINDS)("recovery on %s", (kind) => {
  let databases: TestDatabases;
  let database: Database;
  let queue: Queue;
  let place: Place;
  const nextId = createIdSource("run");
  beforeAll(async () => {
    databases = await openTestDatabases(kind);
    const { dataDir, env } = await databases.create();
    database = await openDatabase({ url: env["DATABASE_URL"], directory: `${dataDir}/db`, log: SILENT });
    await migrate(database);
    queue = await openQueue({ database, log: SILENT });
    place = { database, queue, announce: null };
  });
  afterAll(async () => {
    await queue.close();
    await database.close();
    await databases[Symbol.asyncDispose]();
  });

  /** A run that `worker` claimed; the worker is entered as seen `agoMs` ago. */
  async function claimedBy(worker: string, agoMs: number): Promise<string> {
    const { id, createdAt } = nextId();
    await database.kysely.transaction().execute(async (tx) => {
      await insertRuns(tx, [{ id, createdAt, request: request(), engine: "fake", isolationLevel: "namespace" }]);
      await queue.enqueue(tx, [{ id, priority: 0 }]);
    });
    await seen(worker, agoMs);
    const { runs } = await claim(place, worker, 1);
    expect(runs.map((run) => run.id)).toEqual([id]);
    return id;
  }
  async function seen(worker: string, agoMs: number): Promise<void> {
    await sql`insert into workers (id, seen_at, catalog)
      values (${worker}, clock_timestamp() - ${String(agoMs)}::float8 * interval '1 ms', '{}')
      on conflict (id) do update set seen_at = excluded.seen_at`.execute(database.kysely);
  }
  const ended = (id: string, attempt: number): FinishedAttempt => ({
    id,
    attempt,
    finishedAt: new Date(),
    outcome: emptyOutcome({
      status: "sandbox_failed",
      engine: "fake",
      isolation: "namespace",
      reason: `attempt ${attempt}`,
    }),
  });
  const reader = () => createRunReader(database);

  test("runs of a live worker stay, those of a dead one wait again and keep their place", async () => {
    const alive = await claimedBy("alive", 0);
    const orphan = await claimedBy("dead", LEASE_MS + 1_000);
    const recovered = await recover(place, { leaseMs: LEASE_MS, maxAttempts: 3 });
    expect(recovered).toMatchObject({ requeued: 1, finished: [] });
    expect(recovered.events.map(({ event }) => event)).toMatchObject([
      { type: "run.requeued", runId: orphan, reason: "its worker died" },
    ]);
    expect((await reader().getRun(alive))?.status).toBe("running");
    expect(await reader().getRun(orphan)).toMatchObject({ status: "queued", startedAt: null });
    const again = await claim(place, "alive", 5);
    expect(again.runs).toMatchObject([{ id: orphan, attempt: 2 }]);
    await finish(place, [ended(alive, 1), ended(orphan, 2)]);
  });

  test("sandboxes of a live worker stay open, those of a dead one are lost until it is heard again", async () => {
    const nextSandboxId = createIdSource("sbx");
    await seen("living", 0);
    await seen("silent", LEASE_MS + 1_000);
    const living = createSandboxRecords(database, "living");
    const silent = createSandboxRecords(database, "silent");
    const [kept, lost] = [sandboxOf(nextSandboxId()), sandboxOf(nextSandboxId(), { reason: "\0\ud800" })];
    await living.insert(kept);
    await silent.insert(lost);
    expect((await recover(place, { leaseMs: LEASE_MS, maxAttempts: 3 })).sandboxesLost).toBe(1);
    expect(await living.get(kept.id)).toMatchObject({ status: "open", running: null });
    expect(await living.get(lost.id)).toMatchObject({ status: "lost", endedBy: "server_restarted", running: 0 });
    const change = { lastUsedAt: new Date(), status: "open", endedAt: null, endedBy: null, reason: null } as const;
    // Another's word on it does not count.
    await living.save([{ ...change, id: lost.id }]);
    expect(await living.get(lost.id)).toMatchObject({ status: "lost" });
    await silent.save([{ ...change, id: lost.id }]);
    expect(await living.get(lost.id)).toMatchObject({ status: "open" });
  });

  test("a worker that was thought dead cannot finish a run again", async () => {
    const id = await claimedBy("slow", LEASE_MS + 1_000);
    await recover(place, { leaseMs: LEASE_MS, maxAttempts: 3 });
    await seen("next", 0);
    expect((await claim(place, "next", 1)).runs).toMatchObject([{ id, attempt: 2 }]);
    expect(await finish(place, [ended(id, 1)])).toMatchObject({ ids: new Set(), events: [] });
    expect((await finish(place, [ended(id, 2)])).ids).toEqual(new Set([id]));
    expect((await finish(place, [ended(id, 2)])).ids).toEqual(new Set());
    expect((await reader().getRun(id))?.outcome?.reason).toBe("attempt 2");
    const ends = (await reader().eventsAfter(id, 0)).filter(({ event }) => event.type === "run.finished");
    expect(ends).toHaveLength(1);
  });

  test("a run that loses its worker too often ends with the reason", async () => {
    const id = await claimedBy("first", LEASE_MS + 1_000);
    for (const worker of ["second", "third"]) {
      await recover(place, { leaseMs: LEASE_MS, maxAttempts: 3 });
      await seen(worker, LEASE_MS + 1_000);
      expect((await claim(place, worker, 1)).runs).toMatchObject([{ id }]);
    }
    const last = await recover(place, { leaseMs: LEASE_MS, maxAttempts: 3 });
    expect(last).toMatchObject({ requeued: 0, finished: [{ id }] });
    expect(await reader().getRun(id)).toMatchObject({
      status: "finished",
      attempt: 3,
      outcome: { status: "sandbox_failed", reason: "its worker died 3 times while it ran" },
    });
    expect((await claim(place, "fourth", 1)).runs).toEqual([]);
  });

  test("a run that was to be cancelled when its worker died is cancelled", async () => {
    const id = await claimedBy("gone", LEASE_MS + 1_000);
    await database.kysely.transaction().execute((tx) => requestCancel(tx, id));
    await recover(place, { leaseMs: LEASE_MS, maxAttempts: 3 });
    expect(await reader().getRun(id)).toMatchObject({ status: "finished", outcome: { status: "cancelled" } });
  });

  test("a worker gives back what it does not know of, and lets go of what is not its own", async () => {
    const lost = await claimedBy("me", 0);
    const kept = await claimedBy("me", 0);
    const foreign = await claimedBy("other", 0);
    const held = new Set([kept, foreign]);
    const takenAway: string[] = [];
    const cancelled: string[] = [];
    const registration = createRegistration({
      ...place,
      id: "me",
      catalog: "{}",
      leaseMs: LEASE_MS,
      maxAttempts: 3,
      heldRuns: () => held,
      onCancelled: (id) => cancelled.push(id),
      onTakenAway: (id) => takenAway.push(id),
      onEvents: () => {},
      onRecovered: () => {},
    });
    await database.kysely.transaction().execute((tx) => requestCancel(tx, kept));
    await registration.beat();
    expect(takenAway).toEqual([foreign]);
    expect(cancelled).toEqual([kept]);
    expect((await reader().getRun(lost))?.status).toBe("queued");
    expect((await reader().getRun(kept))?.status).toBe("running");
    expect((await claim(place, "other", 5)).runs).toMatchObject([{ id: lost, attempt: 2 }]);
    await finish(place, [ended(lost, 2), ended(kept, 1), ended(foreign, 1)]);
    await registration.leave();
    expect(await database.kysely.selectFrom("workers").selectAll().where("id", "=", "me").execute()).toEqual([]);
  });

  test("two workers never get the same run", async () => {
    const ids = Array.from({ length: 40 }, () => nextId());
    await database.kysely.transaction().execute(async (tx) => {
      await insertRuns(
        tx,
        ids.map((id) => ({ ...id, request: request(), engine: "fake", isolationLevel: "namespace" })),
      );
      await queue.enqueue(
        tx,
        ids.map(({ id }) => ({ id, priority: 0 })),
      );
    });
    const claims = await Promise.all(Array.from({ length: 10 }, (_, index) => claim(place, `w${index}`, 6)));
    const taken = claims.flatMap((one) => one.runs.map((run) => run.id));
    expect(new Set(taken).size).toBe(taken.length);
    expect(taken.length).toBe(40);
    await finish(
      place,
      taken.map((id) => ended(id, 1)),
    );
  });

  test("the events table takes no change and no second end", async () => {
    const { id } = nextId();
    const end = {
      type: "run.finished",
      runId: id,
      at: new Date().toISOString(),
      status: "exited",
      exitCode: 0,
      signal: null,
      reason: null,
      behaviourScore: 0,
    } as const;
    const add = () => database.kysely.transaction().execute((tx) => appendEvents(tx, [end], null));
    await add();
    await expect(add()).rejects.toThrow(/run_events_finished_once/);
    await expect(database.kysely.updateTable("run_events").set({ type: "x" }).execute()).rejects.toThrow(/append-only/);
    await expect(database.kysely.deleteFrom("run_events").execute()).rejects.toThrow(/append-only/);
    await expect(database.exec("truncate run_events")).rejects.toThrow(/append-only/);
  });

  test("events get growing numbers in the order they were given", async () => {
    const { id } = nextId();
    const at = new Date().toISOString();
    const events = Array.from(
      { length: 50 },
      (_, attempt) => ({ type: "run.started", runId: id, at, attempt, engine: "fake" }) as const,
    );
    const appended = await database.kysely.transaction().execute((tx) => appendEvents(tx, events, null));
    const stored = await reader().eventsAfter(id, 0);
    expect(stored.map(({ event }) => event)).toEqual(events);
    expect(stored.map(({ seq }) => seq)).toEqual(appended.map(({ seq }) => seq));
  });
});
