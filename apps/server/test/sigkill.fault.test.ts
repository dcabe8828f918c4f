import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PGlite } from "@electric-sql/pglite";
import type { RunRequestInput } from "@crucible/contract";
import { expect, test } from "vitest";
import { launchChildServer, startChildServer, type ChildServer, type Launched } from "./child-server.ts";
import { query, startPostgres } from "./postgres-fixture.ts";
import { temporaryDirectory } from "./server-fixture.ts";

const KILLS = 20;
/** Kills before the server listens, in the first run on an empty directory too. */
const START_KILLS = 6;
const START_MS = 4_000;
const CLIENTS = 6;

interface Stored {
  readonly id: string;
  readonly status: string;
  readonly outcome_status: string | null;
  readonly finished_events: number;
}
const STORED = `select id, status, outcome_status,
  (select count(*)::int from run_events where run_id = runs.id and type = 'run.finished') as finished_events from runs`;

const fakeProgram = (sleepMs: number): RunRequestInput => ({ language: "text", code: JSON.stringify({ sleepMs }) });
const realProgram = (sleepMs: number): RunRequestInput => ({
  language: "bash",
  code: `sleep ${sleepMs / 1000}; echo done`,
});

/** Submits until the server is gone; remembers what was answered with 201. */
async function submitUntilDead(
  server: ChildServer,
  accepted: string[],
  program: (sleepMs: number) => RunRequestInput,
): Promise<void> {
  for (;;) {
    try {
      const sleepMs = Math.floor(Math.random() * 40);
      const run = await server.submit(program(sleepMs), Math.random() < 0.3);
      accepted.push(run.id);
    } catch {
      return;
    }
  }
}

/**
 * Kills a server at random moments, some while it starts, most under load, then lets one live until all is
 * done. Gives the accepted runs.
 */
async function killAgainAndAgain(launch: () => Launched, program = fakeProgram): Promise<string[]> {
  const accepted: string[] = [];
  // Moments are what is random here, not waits for something.
  const randomMoment = (atMostMs: number) => delay(Math.random() * atMostMs);
  for (let kill = 0; kill < START_KILLS; kill += 1) {
    const starting = launch();
    await randomMoment(START_MS);
    await starting.kill();
  }
  for (let kill = 0; kill < KILLS; kill += 1) {
    const server = await launch().listening;
    const clients = Array.from({ length: CLIENTS }, () => submitUntilDead(server, accepted, program));
    const before = accepted.length;
    // On a busy machine a fixed time could pass before anything was accepted.
    while (accepted.length === before) await delay(1);
    await randomMoment(300);
    await server.kill();
    await Promise.all(clients);
  }
  const last = await launch().listening;
  for (const id of accepted) await untilFinished(last, id);
  expect(await last.terminate()).toBe(0);
  return accepted;
}

async function untilFinished(server: ChildServer, id: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while ((await server.getRun(id)).status !== "finished") {
    if (Date.now() > deadline) throw new Error(`${id} is stuck`);
    await delay(50);
  }
}

function expectEachFinishedOnce(accepted: readonly string[], stored: readonly Stored[]): void {
  // The test is worth something only if the kills hit a server at work.
  expect(accepted.length).toBeGreaterThan(KILLS);
  const byId = new Map(stored.map((run) => [run.id, run]));
  expect(
    accepted.filter((id) => !byId.has(id)),
    "missing",
  ).toEqual([]);
  expect(
    stored.filter((run) => run.status !== "finished"),
    "stuck",
  ).toEqual([]);
  expect(
    stored.filter((run) => run.finished_events !== 1),
    "not finished exactly once",
  ).toEqual([]);
  expect(
    stored.filter((run) => run.outcome_status !== "exited"),
    "not run to its end",
  ).toEqual([]);
}

test("SIGKILL at random moments loses nothing and finishes nothing twice on the embedded database", async () => {
  using directory = temporaryDirectory();
  const accepted = await killAgainAndAgain(() => launchChildServer(directory.path, {}, "fake"));
  const pglite = await PGlite.create(join(directory.path, "db"));
  const { rows } = await pglite.query<Stored>(STORED);
  const attempts = await pglite.query<{ again: number }>("select count(*)::int as again from runs where attempt > 1");
  await pglite.close();
  expectEachFinishedOnce(accepted, rows);
  expect(attempts.rows[0]?.again, "no kill hit a running run").toBeGreaterThan(0);
});

test("SIGKILL at random moments loses nothing and finishes nothing twice on PostgreSQL", async () => {
  await using postgres = await startPostgres();
  using directory = temporaryDirectory();
  const url = await postgres.createDatabase();
  const accepted = await killAgainAndAgain(() => launchChildServer(directory.path, { DATABASE_URL: url }, "fake"));
  expectEachFinishedOnce(accepted, await query<Stored>(url, STORED));
  const [attempts] = await query<{ again: number }>(url, "select count(*)::int as again from runs where attempt > 1");
  expect(attempts?.again, "no kill hit a running run").toBeGreaterThan(0);
});

test("SIGKILL at random moments loses nothing while real sandboxes run", async (context) => {
  using directory = temporaryDirectory();
  const first = await startChildServer(directory.path, {}, "real");
  await first.terminate();
  if (first.engine === null) return context.skip("no isolating engine works on this host");
  const accepted = await killAgainAndAgain(() => launchChildServer(directory.path, {}, "real"), realProgram);
  const pglite = await PGlite.create(join(directory.path, "db"));
  const { rows } = await pglite.query<Stored>(STORED);
  await pglite.close();
  expectEachFinishedOnce(accepted, rows);
});
