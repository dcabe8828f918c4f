import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunEventType } from "@crucible/contract";
import { composeServer, type ComposedServer } from "../src/compose.ts";
import { KINDS, openTestDatabases, type TestDatabases } from "./databases.ts";
import { createFakeEngine, createFakeExecutor } from "./fake-executor.ts";
import { request, startComposed, testConfig, untilFinished } from "./server-fixture.ts";

const sleeping = (sleepMs: number) => JSON.stringify({ sleepMs });
const LONG = sleeping(60_000);

describe.each(KINDS)("on %s", (kind) => {
  let databases: TestDatabases;
  beforeAll(async () => {
    databases = await openTestDatabases(kind);
  });
  afterAll(() => databases[Symbol.asyncDispose]());

  async function start(env: Record<string, string> = {}): Promise<ComposedServer> {
    const place = await databases.create();
    return startComposed(testConfig(place.dataDir, { ...place.env, ...env }));
  }

  test("a run goes through every step, and its events tell of it in order", async () => {
    await using server = await start();
    const run = await server.submit.submitRun(request({ code: "hello", labels: { suite: "slice" }, language: "TXT" }));
    expect(run).toMatchObject({ status: "queued", attempt: 0, language: "text", outcome: null });
    const finished = await untilFinished(server, run.id);
    expect(finished).toMatchObject({
      id: run.id,
      status: "finished",
      attempt: 1,
      labels: { suite: "slice" },
      createdAt: run.createdAt,
    });
    expect(finished.outcome).toMatchObject({
      status: "exited",
      exitCode: 0,
      stdout: "hello",
      engine: "fake",
      isolation: "namespace",
    });
    expect(await types(server, run.id)).toEqual(["run.queued", "run.started", "run.finished"]);
    const all = await server.reader.eventsAfter(run.id, 0);
    expect(await server.reader.eventsAfter(run.id, all[0]!.seq)).toEqual(all.slice(1));
    expect(await server.reader.queueDepth()).toBe(0);
  });

  test("what a program tried is told before its end", async () => {
    const place = await databases.create();
    const fake = createFakeEngine();
    const violations = [{ kind: "canary_read", detail: "read it" }];
    const engine = {
      ...fake,
      run: async (...input: Parameters<typeof fake.run>) => ({
        ...(await fake.run(...input)),
        violations,
        behaviourScore: 40,
      }),
    };
    await using server = await startComposed(testConfig(place.dataDir, place.env), await createFakeExecutor([engine]));
    const run = await server.submit.submitRun(request());
    expect((await untilFinished(server, run.id)).outcome).toMatchObject({ violations, behaviourScore: 40 });
    expect(await types(server, run.id)).toEqual(["run.queued", "run.started", "run.violation", "run.finished"]);
    const seen = (await server.reader.eventsAfter(run.id, 0)).map(({ event }) => event);
    expect(seen).toContainEqual(expect.objectContaining({ type: "run.violation", ...violations[0] }));
    expect(seen.at(-1)).toMatchObject({ type: "run.finished", behaviourScore: 40 });
    expect((await server.metrics.exposition()).body).toContain(
      'crucible_run_violations_total{kind="canary_read",engine="fake"} 1',
    );
    expect((await server.metrics.exposition()).body).toContain('crucible_run_behaviour_score_sum{engine="fake"} 40');
  });

  test("a run reads the same from memory and from the database", async () => {
    const place = await databases.create();
    const config = testConfig(place.dataDir, place.env);
    const first = await startComposed(config);
    const input = {
      code: "hello",
      labels: { b: "2", a: "1" },
      priority: 3,
      isolation: { atLeast: "namespace" as const },
    };
    const run = await first.submit.submitRun(request(input));
    const remembered = await untilFinished(first, run.id);
    await first.close();
    await using second = await startComposed(config);
    expect(await second.reader.getRun(run.id)).toEqual(remembered);
  });

  test("bytes of every kind come back as they went in", async () => {
    await using server = await start();
    const nul = "a\0b\u0000\u{1F600}\uFEFFc";
    const stdin = await finish(server, { code: '{"stdout":"stdin"}', stdin: nul });
    expect(stdin).toMatchObject({ stdout: nul, stdoutEncoding: "utf8" });
    const bytes = Buffer.from([0xff, 0xfe, 0x00, 0xed, 0xa0, 0x80]).toString("base64");
    const broken = await finish(server, { code: JSON.stringify({ stdout: bytes }) });
    expect(broken).toMatchObject({ stdout: bytes, stdoutEncoding: "base64" });
    const encoded = await finish(server, { code: '{"stdout":"stdin"}', stdin: bytes, stdinEncoding: "base64" });
    expect(encoded.stdout).toBe(bytes);
  });

  test("what a request holds can always be stored or is refused with its field", async () => {
    await using server = await start();
    const half = "\ud800";
    await expect(server.submit.submitRun(request({ stdin: half }))).rejects.toMatchObject({
      code: "invalid_request",
      field: "stdin",
    });
    await expect(server.submit.submitRun(request({ labels: { a: "\0" } }))).rejects.toMatchObject({
      code: "invalid_request",
      field: "labels.a",
    });
    await expect(server.submit.submitRun(request({ code: "a\0b" }))).resolves.toMatchObject({ status: "queued" });
    await expect(server.reader.listRuns({ limit: 10, language: "\0" })).resolves.toEqual({
      runs: [],
      nextCursor: null,
    });
    await expect(server.reader.listRuns({ limit: 10, label: `a=${half}` })).resolves.toMatchObject({ runs: [] });
  });

  test("higher priority runs first, then the older", async () => {
    await using server = await start({ CRUCIBLE_CONCURRENCY: "1" });
    const order: string[] = [];
    server.bus.subscribe("*", ({ event }) => {
      if (event.type === "run.started") order.push(event.runId);
    });
    const blocker = await server.submit.submitRun(request({ code: sleeping(200) }));
    await until(() => order.length === 1);
    const low = await server.submit.submitRun(request({ priority: -5 }));
    const older = await server.submit.submitRun(request());
    const younger = await server.submit.submitRun(request());
    const high = await server.submit.submitRun(request({ priority: 5 }));
    await untilFinished(server, low.id);
    expect(order).toEqual([blocker.id, high.id, older.id, younger.id, low.id]);
  });

  test("a full queue refuses what does not fit, batches as a whole", async () => {
    await using server = await start({ CRUCIBLE_CONCURRENCY: "1", CRUCIBLE_QUEUE_LIMIT: "3", CRUCIBLE_DRAIN_MS: "0" });
    const blocker = await server.submit.submitRun(request({ code: LONG }));
    await untilStatus(server, blocker.id, "running");
    await server.submit.submitBatch([request(), request()]);
    await expect(server.submit.submitBatch([request(), request()])).rejects.toMatchObject({
      code: "queue_full",
      retryAfterSeconds: 1,
    });
    const last = await server.submit.submitRun(request());
    await expect(server.submit.submitRun(request())).rejects.toMatchObject({ code: "queue_full" });
    expect(await server.reader.queueDepth()).toBe(3);
    await server.submit.cancelRun(last.id);
    await expect(server.submit.submitRun(request())).resolves.toMatchObject({ status: "queued" });
  });

  test("a batch with one bad run stores none of it", async () => {
    await using server = await start();
    const batch = [request(), request({ language: "klingon" })];
    await expect(server.submit.submitBatch(batch)).rejects.toMatchObject({
      code: "unknown_language",
      field: "runs[1].language",
    });
    expect((await server.reader.listRuns({ limit: 10 })).runs).toEqual([]);
  });

  test("a queued run is cancelled at once, a running one by its worker, a finished one not at all", async () => {
    await using server = await start({ CRUCIBLE_CONCURRENCY: "1" });
    const running = await server.submit.submitRun(request({ code: LONG }));
    await untilStatus(server, running.id, "running");
    const queued = await server.submit.submitRun(request());
    const cancelled = await server.submit.cancelRun(queued.id);
    expect(cancelled).toMatchObject({ status: "finished", attempt: 0, outcome: { status: "cancelled" } });
    expect(await server.reader.getRun(queued.id)).toEqual(cancelled);
    expect(await types(server, queued.id)).toEqual(["run.queued", "run.cancel_requested", "run.finished"]);

    expect(await server.submit.cancelRun(running.id)).toMatchObject({ status: "running" });
    expect(await untilFinished(server, running.id)).toMatchObject({ attempt: 1, outcome: { status: "cancelled" } });
    await expect(server.submit.cancelRun(running.id)).rejects.toMatchObject({ code: "run_not_cancellable" });
    await expect(server.submit.cancelRun("run_00000000000000000000000000")).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("a stopping server gives running work back, and the next one runs it", async () => {
    const place = await databases.create();
    const config = testConfig(place.dataDir, { ...place.env, CRUCIBLE_DRAIN_MS: "50" });
    const first = await startComposed(config);
    const run = await first.submit.submitRun(request({ code: sleeping(700) }));
    await untilStatus(first, run.id, "running");
    first.submit.refuse();
    await expect(first.submit.submitRun(request())).rejects.toMatchObject({ code: "shutting_down" });
    await first.close();

    await using second = await startComposed(config);
    expect(await untilFinished(second, run.id)).toMatchObject({ attempt: 2, outcome: { status: "exited" } });
    expect(await types(second, run.id)).toEqual([
      "run.queued",
      "run.started",
      "run.requeued",
      "run.started",
      "run.finished",
    ]);
  });

  test("a stopping server lets work end that ends in time", async () => {
    const server = await start({ CRUCIBLE_DRAIN_MS: "10000" });
    const run = await server.submit.submitRun(request({ code: sleeping(200) }));
    await untilStatus(server, run.id, "running");
    let status: string | undefined;
    server.bus.subscribe(run.id, ({ event }) => {
      if (event.type === "run.finished") status = event.status;
    });
    await server.close();
    expect(status).toBe("exited");
  });

  test("pages go through all runs, newest first, whatever is added meanwhile", async () => {
    await using server = await start();
    const runs = await server.submit.submitBatch(
      Array.from({ length: 5 }, (_, index) => request({ labels: { n: String(index % 2) } })),
    );
    for (const run of runs) await untilFinished(server, run.id);
    const first = await server.reader.listRuns({ limit: 3 });
    await untilFinished(server, (await server.submit.submitRun(request())).id);
    const second = await server.reader.listRuns({ limit: 3, cursor: first.nextCursor! });
    expect([...first.runs, ...second.runs].map((run) => run.id)).toEqual(runs.map((run) => run.id).toReversed());
    expect(second.nextCursor).toBeNull();
    expect(first.runs[0]).toMatchObject({
      status: "finished",
      outcome: { status: "exited", exitCode: 0, engine: "fake" },
    });
    expect(first.runs[0]?.outcome).not.toHaveProperty("stdout");

    const ids = async (query: object) =>
      (await server.reader.listRuns({ limit: 50, ...query })).runs.map((run) => run.id);
    expect(await ids({ label: "n=1" })).toEqual([runs[3]!.id, runs[1]!.id]);
    expect(await ids({ outcome: "timed_out" })).toEqual([]);
    expect(await ids({ status: "finished", language: "text", engine: "fake" })).toHaveLength(6);
    const middle = runs[2]!.createdAt;
    expect(await ids({ createdBefore: middle })).not.toContain(runs[2]!.id);
    expect(await ids({ createdAfter: middle })).not.toContain(runs[2]!.id);
    await expect(server.reader.listRuns({ limit: 3, cursor: "bm9uc2Vuc2U" })).rejects.toMatchObject({
      code: "invalid_cursor",
    });
  });

  test("nothing weaker than asked for ever runs a program", async () => {
    const place = await databases.create();
    const weak = createFakeEngine("weak", "none");
    const strong = createFakeEngine("strong", "namespace");
    const executor = await createFakeExecutor([weak, strong], { allowUnsafe: true });
    await using server = await startComposed(testConfig(place.dataDir, place.env), executor);
    const standard = await finish(server, {});
    expect(standard).toMatchObject({ engine: "strong", isolation: "namespace" });
    expect(await finish(server, { isolation: { engine: "weak" } })).toMatchObject({
      engine: "weak",
      isolation: "none",
    });
    await expect(server.submit.submitRun(request({ isolation: { atLeast: "gvisor" } }))).rejects.toMatchObject({
      code: "isolation_unavailable",
    });
    await expect(server.submit.submitRun(request({ isolation: { engine: "runc" } }))).rejects.toMatchObject({
      code: "engine_unavailable",
    });
    expect(weak.ran).toHaveLength(1);
  });

  test("the bootstrap key is generated once, and the database has only its digest", async () => {
    const place = await databases.create();
    const config = testConfig(place.dataDir, place.env);
    const first = await composeServer(config, { executor: await createFakeExecutor() });
    const key = first.bootstrapKey!;
    expect(await first.keys.verify(key)).toMatchObject({ name: "bootstrap" });
    expect(await first.keys.verify(`${key}x`)).toBeNull();
    await first.close();
    await using second = await composeServer(config, { executor: await createFakeExecutor() });
    expect(second.bootstrapKey).toBe(key);
    expect(await second.keys.verify(key)).toMatchObject({ name: "bootstrap" });
  });
});

async function finish(server: ComposedServer, input: Parameters<typeof request>[0]) {
  const run = await server.submit.submitRun(request(input));
  return (await untilFinished(server, run.id)).outcome!;
}

async function types(server: ComposedServer, id: string): Promise<RunEventType[]> {
  return (await server.reader.eventsAfter(id, 0)).map(({ event }) => event.type);
}

async function untilStatus(server: ComposedServer, id: string, status: string): Promise<void> {
  while ((await server.reader.getRun(id))?.status !== status) await delay(5);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(5);
}
