import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ExecRequest, ListSandboxesQuery, SandboxRequest, type RunEvent } from "@crucible/contract";
import { composeServer, type ComposedServer } from "../src/compose.ts";
import { DataDirInUseError } from "../src/data-dir.ts";
import { openTestDatabases, type TestDatabases } from "./databases.ts";
import { createFakeExecutor } from "./fake-executor.ts";
import { createFakeSessionEngine } from "./fake-session.ts";
import { query } from "./postgres-fixture.ts";
import { request, startComposed, temporaryDirectory, testConfig, untilFinished } from "./server-fixture.ts";

let databases: TestDatabases;
let url: string;
let api: ComposedServer;
let worker: ComposedServer;
const directories = [temporaryDirectory(), temporaryDirectory()] as const;
beforeAll(async () => {
  databases = await openTestDatabases("postgres");
  url = (await databases.create()).env["DATABASE_URL"]!;
  // A poll so long that only a notification explains the speed of these tests.
  const env = { DATABASE_URL: url, CRUCIBLE_POLL_MS: "60000", CRUCIBLE_LEASE_MS: "60000" };
  worker = await startComposed(
    testConfig(directories[1].path, { ...env, CRUCIBLE_ROLES: "worker" }),
    await createFakeExecutor([createFakeSessionEngine()]),
  );
  api = await startComposed(testConfig(directories[0].path, { ...env, CRUCIBLE_ROLES: "api" }));
});
afterAll(async () => {
  await api.close();
  await worker.close();
  await databases[Symbol.asyncDispose]();
  for (const directory of directories) directory[Symbol.dispose]();
});

test("a process without an executor hands work to another, and hears of its end", async () => {
  expect(api.worker).toBeNull();
  const seen: RunEvent["type"][] = [];
  const stop = api.bus.subscribe("*", ({ event }) => seen.push(event.type));
  const run = await api.submit.submitRun(request({ code: "from afar" }));
  expect((await untilFinished(api, run.id)).outcome?.stdout).toBe("from afar");
  stop();
  // This process tells itself of its own event after its commit, which the other may overtake: `seq` is the order.
  expect(seen.toSorted()).toEqual(["run.finished", "run.queued", "run.started"]);
  expect(seen.indexOf("run.started")).toBeLessThan(seen.indexOf("run.finished"));
});

test("a run is cancelled from another process", async () => {
  const run = await api.submit.submitRun(request({ code: '{"sleepMs":60000}' }));
  while ((await api.reader.getRun(run.id))?.status !== "running") await delay(5);
  await api.submit.cancelRun(run.id);
  expect((await untilFinished(api, run.id)).outcome?.status).toBe("cancelled");
});

test("a sandbox is used in the process that opened it alone; another tells of it, and sends its users there", async () => {
  const { id } = await worker.sandboxes.create(SandboxRequest.parse({}));
  const other = { id, status: "open", running: null };
  expect(await api.sandboxes.get(id)).toMatchObject(other);
  expect((await api.sandboxes.list(ListSandboxesQuery.parse({}))).sandboxes).toMatchObject([other]);
  const { signal } = new AbortController();
  const exec = ExecRequest.parse({ argv: ["true"] });
  await expect(api.sandboxes.exec(id, exec, { signal })).rejects.toMatchObject({ code: "sandbox_elsewhere" });
  await expect(api.sandboxes.remove(id)).rejects.toMatchObject({ code: "sandbox_elsewhere" });
  await expect(api.sandboxes.create(SandboxRequest.parse({}))).rejects.toMatchObject({ code: "engine_unavailable" });
  await worker.sandboxes.remove(id);
  expect(await api.sandboxes.get(id)).toMatchObject({ status: "closed", running: 0 });
  await expect(api.sandboxes.exec(id, exec, { signal })).rejects.toMatchObject({ code: "sandbox_ended" });
});

test("a second process with the same data directory is refused with the reason", async () => {
  const config = testConfig(directories[1].path, { DATABASE_URL: url });
  const second = composeServer(config, { executor: await createFakeExecutor() });
  await expect(second).rejects.toThrow(DataDirInUseError);
  await expect(second).rejects.toThrow(`process ${process.pid}`);
});

test("without its database a server does not start, and says which one it missed", async () => {
  using directory = temporaryDirectory();
  const config = testConfig(directory.path, { DATABASE_URL: "postgresql://crucible:secret@127.0.0.1:1/none" });
  const start = composeServer(config, { executor: await createFakeExecutor() });
  await expect(start).rejects.toThrow("the database at 127.0.0.1:1 does not answer");
  await expect(start).rejects.not.toThrow("secret");
});

test("an outcome that the database refuses ends its run with the reason, and keeps no other out", async () => {
  const { dataDir, env } = await databases.create();
  await using server = await startComposed(testConfig(dataDir, env));
  await query(
    env["DATABASE_URL"]!,
    `create function refuse_poison() returns trigger language plpgsql as $$ begin
       if new.outcome like '%poison%' and new.outcome_status = 'exited' then raise exception 'no poison'; end if;
       return new;
     end $$;
     create trigger refuse_poison before update on runs for each row execute function refuse_poison();`,
  );
  const codes = ["poison", "good", "better"];
  const runs = await server.submit.submitBatch(codes.map((code) => request({ code })));
  const ends = await Promise.all(runs.map((run) => untilFinished(server, run.id)));
  expect(ends.slice(1).map((run) => run.outcome?.stdout)).toEqual(["good", "better"]);
  expect(ends[0]?.outcome).toMatchObject({
    status: "sandbox_failed",
    reason: expect.stringContaining("could not be stored"),
  });
});
