import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Run, Sandbox } from "@crucible/contract";
import { callCli, openCrucible } from "./src/crucible.ts";
import type { Crucible } from "./src/crucible.ts";
import { allEvents, call, events, getRun, runToEnd, submit } from "./src/http.ts";

let crucible: Crucible;
let directory: string;
beforeAll(async () => {
  crucible = await openCrucible();
  directory = await mkdtemp(join(tmpdir(), "crucible-cli-"));
});
afterAll(async () => {
  await crucible[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const finished = async (id: string): Promise<Run> => {
  await expect.poll(async () => (await getRun(crucible, id)).status, { timeout: 60_000 }).toBe("finished");
  return await getRun(crucible, id);
};

describe("after a restart", () => {
  test("stopped in order: every run is there, what ran is run again, and the key is the same", async (context) => {
    const { own, apiKey } = crucible;
    if (own === null) return context.skip("a deployed server is not ours to stop");
    const before = await runToEnd(crucible, { language: "bash", code: "echo before" });
    const waiting = await Promise.all(
      Array.from(
        { length: 6 },
        async (_, i) => await submit(crucible, { language: "bash", code: `sleep 0.5; echo ${i}` }),
      ),
    );
    expect(await own.stop("SIGTERM")).toBe(0);
    await own.start();
    expect(crucible.apiKey).toBe(apiKey);
    expect(await getRun(crucible, before.id)).toEqual(before);
    const outputs = await Promise.all(waiting.map(async ({ id }) => (await finished(id)).outcome?.stdout));
    expect(outputs).toEqual(waiting.map((_, i) => `${i}\n`));
  });

  test("killed in the middle: the running program is run again and ends once", async (context) => {
    const { own } = crucible;
    if (own === null) return context.skip("a deployed server is not ours to stop");
    const run = await submit(crucible, { language: "bash", code: "echo up; sleep 2; echo done" });
    const sandbox = (await call(crucible, "POST", "/api/v1/sandboxes", { body: {} })).json as Sandbox;
    for await (const { data } of events(crucible, run.id)) if (data.type === "run.output") break;
    expect(await own.stop("SIGKILL")).toBeNull();
    await own.start();
    expect(await finished(run.id)).toMatchObject({ outcome: { status: "exited", stdout: "up\ndone\n" }, attempt: 2 });
    const told = (await allEvents(crucible, run.id)).map(({ data }) => data.type);
    expect(told.filter((type) => type === "run.finished")).toHaveLength(1);
    expect(told).toContain("run.requeued");
    // A sandbox that stays went with the server; what it was is known, and why it ended.
    const path = `/api/v1/sandboxes/${sandbox.id}`;
    const lost = (await call(crucible, "GET", path)).json;
    expect(lost).toMatchObject({ id: sandbox.id, status: "lost", endedBy: "server_restarted", running: 0 });
    const used = await call(crucible, "POST", `${path}/exec`, { body: { argv: ["true"] } });
    expect(used).toMatchObject({ status: 410, json: { error: { code: "sandbox_ended" } } });
    expect((await call(crucible, "GET", "/api/v1/sandboxes")).json).toMatchObject({ sandboxes: [] });
  });
});

test("a client that has connected and says nothing does not hold up the stop", async (context) => {
  const { own } = crucible;
  if (own === null) return context.skip("a deployed server is not ours to stop");
  const { hostname, port } = new URL(crucible.url);
  const silent = connect(Number(port), hostname);
  await once(silent, "connect");
  const gone = once(silent, "close");
  const started = performance.now();
  expect(await own.stop("SIGTERM")).toBe(0);
  await gone;
  // Node alone would wait over a minute.
  expect(performance.now() - started).toBeLessThan(30_000);
  await own.start();
});

describe("the command line against the server", () => {
  test("runs a program like its interpreter", async () => {
    const file = join(directory, "p.py");
    await writeFile(file, "import sys\nsys.stdout.write(sys.stdin.read() + sys.argv[1])\nsys.exit(4)\n");
    expect(await callCli(crucible, ["run", file, "--", "-x"], "ä")).toEqual({ code: 4, stdout: "ä-x", stderr: "" });
  });

  test("runs a batch, and every run of it is on the server", async () => {
    const suite = `cli-${Math.random()}`;
    const file = join(directory, "batch.jsonl");
    const rows = [1, 2, 3].map((n) => ({
      id: `n${n}`,
      language: "bash",
      code: `echo ${n}`,
      labels: { suite },
      expected: { stdout: `${n}\n` },
    }));
    await writeFile(file, rows.map((row) => JSON.stringify(row)).join("\n"));
    const { code, stdout } = await callCli(crucible, ["batch", file, "--quiet"]);
    expect(code).toBe(0);
    expect(stdout).toContain("3 runs, 3 as expected, 0 not");
    const { runs } = (await call(crucible, "GET", `/api/v1/runs?label=suite=${suite}`)).json as { runs: Run[] };
    expect(runs.map(({ status }) => status)).toEqual(["finished", "finished", "finished"]);
  });

  test("lists what the server has", async () => {
    const { json } = await call(crucible, "GET", "/api/v1/languages");
    expect(JSON.parse((await callCli(crucible, ["languages", "--json"])).stdout)).toEqual(json);
  });
});

test("the metrics count what was done", async () => {
  await runToEnd(crucible, { language: "bash", code: "exit 0" });
  const { text, headers } = await call(crucible, "GET", "/metrics");
  expect(headers.get("content-type")).toContain("text/plain");
  expect(text).toMatch(/^crucible_runs_finished_total\{[^}]*language="bash"[^}]*\} [1-9]/m);
  expect(text).toMatch(/^crucible_queue_depth \d+$/m);
});

test("answers carry a request id, and the one that was sent", async () => {
  const own = await call(crucible, "GET", "/api/v1/languages", { headers: { "x-request-id": "my-own.id:1" } });
  expect(own.headers.get("x-request-id")).toBe("my-own.id:1");
  const made = await call(crucible, "GET", "/api/v1/languages");
  expect(made.headers.get("x-request-id")).toMatch(/\S{8,}/);
});
