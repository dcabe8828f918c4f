import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ComposedServer } from "../src/compose.ts";
import { startPostgres, query, type PostgresServer } from "./postgres-fixture.ts";
import { request, startComposed, temporaryDirectory, testConfig, untilFinished } from "./server-fixture.ts";

const directory = temporaryDirectory();
let postgres: PostgresServer;
let server: ComposedServer;
let url: string;
beforeAll(async () => {
  postgres = await startPostgres();
  url = await postgres.createDatabase();
  server = await startComposed(testConfig(directory.path, { DATABASE_URL: url }));
});
afterAll(async () => {
  await server.close();
  await postgres[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

test("a lost database refuses requests, keeps running work, and gets it when it returns", async () => {
  // Programs that end while the database is away, and one that ends after it is back.
  const programs = [300, 300, 300, 4_000].map((sleepMs) =>
    request({ code: JSON.stringify({ sleepMs, stdout: "ZG9uZQ==" }) }),
  );
  const runs = await server.submit.submitBatch(programs);
  await untilAllStarted(runs.map((run) => run.id));
  await postgres.stop();

  await expect(server.submit.submitRun(request())).rejects.toMatchObject({ code: "database_unavailable" });
  await expect(server.submit.cancelRun(runs[0]!.id)).rejects.toMatchObject({ code: "database_unavailable" });
  await expect(server.reader.getRun(runs[0]!.id)).rejects.toMatchObject({ code: "database_unavailable" });
  await expect(server.reader.ping()).rejects.toMatchObject({ code: "database_unavailable" });
  await expect(server.keys.verify("anything")).rejects.toMatchObject({ code: "database_unavailable" });
  await untilMetric("crucible_store_pending_runs", 3);

  await postgres.start();
  for (const { id } of runs) {
    const run = await untilFinished(server, id);
    expect(run).toMatchObject({ attempt: 1, outcome: { status: "exited", stdout: "done" } });
  }
  const after = await server.submit.submitRun(request({ code: "after" }));
  expect((await untilFinished(server, after.id)).outcome?.stdout).toBe("after");
  const ends = await query<{ count: number }>(
    url,
    "select count(*)::int as count from run_events where type = 'run.finished'",
  );
  expect(ends[0]?.count).toBe(runs.length + 1);
});

test("work is told of again after the listening connection broke", async () => {
  await query(url, "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %'");
  const run = await server.submit.submitRun(request({ code: "still here" }));
  expect((await untilFinished(server, run.id)).outcome?.stdout).toBe("still here");
});

async function untilAllStarted(ids: readonly string[]): Promise<void> {
  for (const id of ids) while ((await server.reader.getRun(id))?.status !== "running") await delay(10);
}

async function untilMetric(name: string, value: number): Promise<void> {
  while (!(await server.metrics.exposition()).body.includes(`\n${name} ${value}\n`)) await delay(10);
}
