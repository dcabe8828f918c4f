import { afterEach, describe, expect, it } from "vitest";
import { Run } from "@crucible/contract";
import type { FastifyInstance } from "fastify";
import { buildApp } from "../app.ts";
import type { HttpSettings } from "../deps.ts";
import { TEST_KEY, memoryDeps, outcome } from "../testing/fakes.ts";

const apps: FastifyInstance[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

function start(settings: Partial<HttpSettings> = {}) {
  const parts = memoryDeps(settings);
  const app = buildApp(parts.deps);
  apps.push(app);
  const headers = { authorization: `Bearer ${TEST_KEY}` };
  const post = (url: string, payload?: unknown) =>
    app.inject({ method: "POST", url, headers, ...(payload === undefined ? {} : { payload: payload as object }) });
  const get = (url: string) => app.inject({ method: "GET", url, headers });
  return { ...parts, app, post, get };
}

const PROGRAM = { language: "python", code: "print('hello')" };

describe("creating a run", () => {
  it("answers 201 with the queued run and its address", async () => {
    const { post, runs } = start();
    const reply = await post("/api/v1/runs", PROGRAM);
    expect(reply.statusCode).toBe(201);
    const run = Run.parse(reply.json());
    expect(run.status).toBe("queued");
    expect(reply.headers["location"]).toBe(`/api/v1/runs/${run.id}`);
    expect(runs.requests[0]).toMatchObject({ ...PROGRAM, args: [], priority: 0 });
  });

  it("with wait gives the finished run when it ends later", async () => {
    const { post, runs } = start();
    runs.onSubmit = ({ id }) => setImmediate(() => runs.finish(id));
    const reply = await post("/api/v1/runs?wait=true", PROGRAM);
    expect(reply.statusCode).toBe(201);
    expect(reply.json()).toMatchObject({ status: "finished", outcome: { stdout: "hello\n" } });
  });

  it("with wait misses no run that ends before submit returns", async () => {
    const { post, runs } = start({ waitTimeoutMs: 60_000 });
    runs.onSubmit = ({ id }) => runs.finish(id);
    const reply = await post("/api/v1/runs?wait=true", PROGRAM);
    expect(reply.json()).toMatchObject({ status: "finished" });
  });

  it("with wait answers with the run as it is when time is up", async () => {
    const { post } = start({ waitTimeoutMs: 20 });
    const reply = await post("/api/v1/runs?wait=true", PROGRAM);
    expect(reply.statusCode).toBe(201);
    expect(reply.json()).toMatchObject({ status: "queued", outcome: null });
  });

  it("with wait answers at once when the server stops", async () => {
    const { post, app, runs } = start();
    const submitted = Promise.withResolvers<void>();
    runs.onSubmit = () => submitted.resolve();
    const waiting = post("/api/v1/runs?wait=true", PROGRAM);
    await submitted.promise;
    await app.close();
    expect((await waiting).json()).toMatchObject({ status: "queued" });
  });

  it("with wait gives the accepted run when the database goes away afterwards", async () => {
    const { post, runs } = start({ waitTimeoutMs: 50 });
    runs.onSubmit = ({ id }) => {
      runs.finish(id);
      runs.failure = new Error("connection lost");
    };
    const reply = await post("/api/v1/runs?wait=true", PROGRAM);
    expect(reply.statusCode).toBe(201);
    expect(reply.json()).toMatchObject({ status: "queued" });
  });

  it("takes a batch and answers with all its runs in order", async () => {
    const { post } = start();
    const reply = await post("/api/v1/runs/batch", { runs: [PROGRAM, { ...PROGRAM, language: "lua" }] });
    expect(reply.statusCode).toBe(201);
    expect(reply.json().runs.map((run: Run) => run.language)).toEqual(["python", "lua"]);
  });
});

describe("reading and cancelling", () => {
  it("gives a run with its outcome", async () => {
    const { post, get, runs } = start();
    const { id } = (await post("/api/v1/runs", PROGRAM)).json();
    runs.finish(id, outcome({ status: "signaled", exitCode: null, signal: "SIGSEGV" }));
    const reply = await get(`/api/v1/runs/${id}`);
    expect(reply.statusCode).toBe(200);
    expect(Run.parse(reply.json()).outcome?.signal).toBe("SIGSEGV");
  });

  it("lists runs without their output", async () => {
    const { post, get, runs } = start();
    const { id } = (await post("/api/v1/runs", PROGRAM)).json();
    runs.finish(id);
    const reply = await get("/api/v1/runs?limit=5");
    expect(reply.json().runs).toHaveLength(1);
    expect(reply.body).not.toContain("stdout");
  });

  it("finds runs by any name of their language", async () => {
    const { post, get } = start();
    await post("/api/v1/runs", PROGRAM);
    for (const name of ["python", "py", "PY"])
      expect((await get(`/api/v1/runs?language=${name}`)).json().runs).toHaveLength(1);
    for (const name of ["lua", "nothing"]) expect((await get(`/api/v1/runs?language=${name}`)).json().runs).toEqual([]);
  });

  it("answers 404 for a run that is not there", async () => {
    const reply = await start().get("/api/v1/runs/run_00000000000000000000000099");
    expect(reply.statusCode).toBe(404);
    expect(reply.json().error.code).toBe("not_found");
  });

  it("cancels with 202 and no body needed, and answers 409 the second time", async () => {
    const { post, app } = start();
    const { id } = (await post("/api/v1/runs", PROGRAM)).json();
    const headers = { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" };
    const reply = await app.inject({ method: "POST", url: `/api/v1/runs/${id}/cancel`, headers });
    expect(reply.statusCode).toBe(202);
    const again = await post(`/api/v1/runs/${id}/cancel`);
    expect(again.statusCode).toBe(409);
    expect(again.json().error.code).toBe("run_not_cancellable");
  });
});
