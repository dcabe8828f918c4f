import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApiError, ExecRequest, ListSandboxesQuery, SandboxRequest, type Sandbox } from "@crucible/contract";
import { SILENT } from "../src/log.ts";
import { createSandboxes } from "../src/sandboxes/sandboxes.ts";
import { openDatabase } from "../src/store/database.ts";
import { createIdSource } from "../src/store/ids.ts";
import { migrate } from "../src/store/migrate.ts";
import { createSandboxRecords, type SandboxChange, type SandboxRecords } from "../src/store/sandbox-records.ts";
import { KINDS, openTestDatabases, type TestDatabases } from "./databases.ts";
import { createFakeExecutor } from "./fake-executor.ts";
import { createFakeSession, createFakeSessionEngine, sandboxOf, type FakeSession } from "./fake-session.ts";
import { startComposed, testConfig } from "./server-fixture.ts";

/** On a busy machine. */
const PATIENT = { timeout: 20_000 };

const TRUE = ExecRequest.parse({ argv: ["true"] });
const signal = new AbortController().signal;
const query = (input: object = {}): ListSandboxesQuery => ListSandboxesQuery.parse(input);
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "nothing was refused",
    (error: unknown) => (error as ApiError).code,
  );

describe.each(KINDS)("sandboxes on %s", (kind) => {
  let databases: TestDatabases;
  beforeAll(async () => {
    databases = await openTestDatabases(kind);
  });
  afterAll(() => databases[Symbol.asyncDispose]());

  test("what a dead process had open is lost when the next one starts, what was closed stays closed", async () => {
    const { dataDir, env } = await databases.create();
    const nextId = createIdSource("sbx");
    const left = sandboxOf(nextId(), { labels: { note: "\0 and \ud800" } });
    const { id } = left;
    const before = await openDatabase({ url: env["DATABASE_URL"], directory: `${dataDir}/db`, log: SILENT });
    await migrate(before);
    await createSandboxRecords(before, "a process that was killed").insert(left);
    await before.close();

    const config = testConfig(dataDir, env);
    const executor = (): ReturnType<typeof createFakeExecutor> => createFakeExecutor([createFakeSessionEngine()]);
    let closed: Sandbox;
    {
      await using server = await startComposed(config, await executor());
      expect(await server.sandboxes.get(id)).toMatchObject({
        ...left,
        status: "lost",
        endedBy: "server_restarted",
        reason: "the process that had it ended without closing it",
        endedAt: expect.any(String) as string,
      });
      expect(await codeOf(server.sandboxes.exec(id, TRUE, { signal }))).toBe("sandbox_ended");
      expect(await server.sandboxes.remove(id)).toMatchObject({ status: "lost" });
      closed = await server.sandboxes.create(SandboxRequest.parse({ labels: { a: "b" } }));
      expect(closed).toMatchObject({ status: "open", engine: "fake", running: 0 });
      expect((await server.sandboxes.list(query())).sandboxes).toEqual([closed]);
    }
    await using server = await startComposed(config, await executor());
    expect(await server.sandboxes.get(closed.id)).toMatchObject({
      status: "closed",
      endedBy: "server_stopped",
      labels: { a: "b" },
    });
    const idsOf = async (input: object): Promise<string[]> =>
      (await server.sandboxes.list(query(input))).sandboxes.map((one) => one.id);
    expect(await idsOf({})).toEqual([]);
    expect(await idsOf({ status: "lost" })).toEqual([id]);
    expect(await idsOf({ status: "any" })).toEqual([closed.id, id]);
    const first = await server.sandboxes.list(query({ status: "any", limit: 1 }));
    expect(await idsOf({ status: "any", limit: 1, cursor: first.nextCursor })).toEqual([id]);
    expect(await codeOf(server.sandboxes.list(query({ cursor: "run" })))).toBe("invalid_cursor");
    expect(await codeOf(server.sandboxes.get(nextId().id))).toBe("not_found");
  });
});

/** Sandboxes over fakes, with what was written of them. */
function startMemory(save: SandboxRecords["save"] = async () => undefined) {
  const inserted: Sandbox[] = [];
  const saved: SandboxChange[] = [];
  const sessions: FakeSession[] = [];
  let reads = 0;
  let isLost = false;
  const records: SandboxRecords = {
    insert: async (sandbox) => {
      if (isLost) throw new ApiError("database_unavailable", "the database does not answer");
      inserted.push(sandbox);
    },
    save: async (changes) => {
      await save(changes);
      saved.push(...changes);
    },
    get: async () => {
      reads += 1;
      return null;
    },
    list: async () => ({ sandboxes: [], nextCursor: null }),
  };
  const open = async (): Promise<FakeSession> => {
    const session = createFakeSession();
    sessions.push(session);
    return session;
  };
  const sandboxes = createSandboxes({
    host: { open, chooseEngine: async () => "fake" },
    records,
    cleanArchive: async (archive) => archive,
    onCount: () => undefined,
    onProgram: () => undefined,
    log: SILENT,
    maxReplyBytes: 1024,
  });
  return {
    sandboxes,
    inserted,
    saved,
    sessions,
    reads: () => reads,
    loseDatabase: () => (isLost = true),
  };
}

describe("the database", () => {
  test("is not asked while a sandbox is used, and told of its end", async () => {
    const { sandboxes, inserted, saved, sessions, reads } = startMemory();
    const { id } = await sandboxes.create(SandboxRequest.parse({}));
    expect(inserted).toMatchObject([{ id, status: "open" }]);
    for (let n = 0; n < 100; n += 1) await sandboxes.exec(id, TRUE, { signal });
    expect({ execs: sessions[0]?.execs, reads: reads(), saved }).toEqual({ execs: 100, reads: 0, saved: [] });
    await sandboxes.remove(id);
    expect(saved).toMatchObject([{ id, status: "closed", endedBy: "deleted" }]);
    await sandboxes[Symbol.asyncDispose]();
  });

  test("that does not take a new one leaves no sandbox that nobody knows of", async () => {
    const { sandboxes, sessions, loseDatabase } = startMemory();
    loseDatabase();
    expect(await codeOf(sandboxes.create(SandboxRequest.parse({})))).toBe("database_unavailable");
    expect(await sessions[0]?.ended).toBe("it was closed");
    await sandboxes[Symbol.asyncDispose]();
  });

  test("that does not take an end is told again, and the end is known meanwhile", async () => {
    let isAway = true;
    const { sandboxes, saved } = startMemory(async () => {
      if (isAway) throw new ApiError("database_unavailable", "the database does not answer");
    });
    const { id } = await sandboxes.create(SandboxRequest.parse({}));
    expect(await sandboxes.remove(id)).toMatchObject({ status: "closed" });
    expect(await sandboxes.get(id)).toMatchObject({ status: "closed", endedBy: "deleted" });
    expect(await codeOf(sandboxes.exec(id, TRUE, { signal }))).toBe("sandbox_ended");
    isAway = false;
    await sandboxes[Symbol.asyncDispose]();
    expect(saved).toMatchObject([{ id, status: "closed" }]);
  });

  test("is told whether a sandbox ended by itself or went with the executor", async () => {
    const { sandboxes, saved, sessions } = startMemory();
    await sandboxes.create(SandboxRequest.parse({}));
    await sandboxes.create(SandboxRequest.parse({}));
    sessions[0]?.die("it was out of memory", false);
    sessions[1]?.die("the executor's process ended (SIGKILL)", true);
    await expect.poll(() => saved.length, PATIENT).toBe(2);
    expect(saved).toMatchObject([
      { status: "closed", endedBy: "ended_by_itself", reason: "it was out of memory" },
      { status: "lost", endedBy: "executor_died" },
    ]);
    await sandboxes[Symbol.asyncDispose]();
  });
});
