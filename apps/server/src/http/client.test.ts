import { afterEach, describe, expect, it } from "vitest";
import { ClientError, createClient } from "@crucible/contract";
import type { Client, ClientErrorCode } from "@crucible/contract";
import type { FastifyInstance } from "fastify";
import { buildApp } from "./app.ts";
import { memoryDeps, outcome, TEST_CATALOG, TEST_KEY } from "./testing/fakes.ts";

const apps: FastifyInstance[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function start(apiKey: string = TEST_KEY) {
  const parts = memoryDeps();
  const app = buildApp(parts.deps);
  apps.push(app);
  const baseUrl = await app.listen({ port: 0, host: "127.0.0.1" });
  return { ...parts, app, client: createClient({ baseUrl, apiKey }) };
}

const PROGRAM = { language: "python", code: "print('hello')" };
const codeOf = async (call: Promise<unknown>): Promise<ClientErrorCode | "no error"> =>
  call.then(
    () => "no error",
    (error: unknown) => (error instanceof ClientError ? error.code : "no error"),
  );

describe("the contract's client and this server", () => {
  it("agree on every call", async () => {
    const { client, runs } = await start();
    const queued = await client.createRun(PROGRAM);
    expect(queued.status).toBe("queued");
    expect((await client.createBatch([PROGRAM, PROGRAM])).map(({ status }) => status)).toEqual(["queued", "queued"]);
    expect((await client.listRuns({ limit: 2 })).runs).toHaveLength(2);
    const following = (async () => {
      const types = [];
      for await (const { event } of client.runEvents(queued.id)) {
        types.push(event.type);
        if (event.type === "run.queued") runs.finish(queued.id);
      }
      return types;
    })();
    expect(await following).toEqual(["run.queued", "run.finished"]);
    expect((await client.waitForRun(queued.id)).outcome?.stdout).toBe("hello\n");
    await expect(client.getSelfcheck()).rejects.toMatchObject({ code: "not_found" });
    expect((await client.getRun(queued.id)).status).toBe("finished");
    runs.onSubmit = ({ id }) => runs.finish(id);
    expect((await client.createRun(PROGRAM, { wait: true })).status).toBe("finished");
    runs.onSubmit = null;
    const other = await client.createRun(PROGRAM);
    expect((await client.cancelRun(other.id)).outcome?.status).toBe("cancelled");
    expect((await client.listLanguages()).map(({ name }) => name)).toEqual(
      TEST_CATALOG.languages.map(({ name }) => name),
    );
    expect((await client.listEngines())[0]?.engine).toBe("bubblewrap");
    const kept = { path: "a/\u00fc <b>", sizeBytes: 1, sha256: "", content: "/w==", encoding: "base64" } as const;
    const withFiles = await client.createRun({ ...PROGRAM, artifacts: true });
    runs.finish(withFiles.id, outcome({ artifacts: { files: [kept], leftOut: [], incomplete: null } }));
    expect([...(await client.getRunArtifact(withFiles.id, kept.path))]).toEqual([0xff]);
    await expect(client.getRunArtifact(withFiles.id, "../a")).rejects.toMatchObject({ code: "file_not_found" });
    await expect(client.getRunArtifact(queued.id, "a")).rejects.toMatchObject({ code: "file_not_found" });
    expect(await client.health()).toEqual({ status: "ok" });
    expect((await client.readiness()).status).toBe("ready");
  });

  const calls: [string, (client: Client) => Promise<unknown>, ClientErrorCode][] = [
    ["a bad request", (client) => client.createRun({ ...PROGRAM, limits: { pids: 0 } }), "invalid_request"],
    ["a run that is not there", (client) => client.getRun("run_00000000000000000000000099"), "not_found"],
    ["events of one", (client) => client.waitForRun("run_00000000000000000000000099"), "not_found"],
    ["a path in place of an id", (client) => client.getRun("../../healthz"), "invalid_request"],
  ];
  it.each(calls)("agree on errors: %s", async (_, call, code) => {
    expect(await codeOf(call((await start()).client))).toBe(code);
  });

  it("agree on a wrong key", async () => {
    expect(await codeOf((await start("wrong")).client.listRuns())).toBe("unauthorized");
  });

  it("survive a server that stops and comes back while a run is followed", async () => {
    const first = await start();
    const { id } = await first.client.createRun(PROGRAM);
    const { port } = new URL(first.app.listeningOrigin);
    const types: string[] = [];
    for await (const { event } of first.client.runEvents(id)) {
      types.push(event.type);
      if (event.type !== "run.queued") continue;
      await first.app.close();
      const again = buildApp(first.deps);
      apps.push(again);
      await again.listen({ port: Number(port), host: "127.0.0.1" });
      first.runs.finish(id);
    }
    expect(types).toEqual(["run.queued", "run.finished"]);
  });
});
