import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createClient } from "./client.ts";
import { ClientError } from "./error.ts";

type Answer = (request: http.IncomingMessage, body: string, response: http.ServerResponse) => void;

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A real HTTP server that answers each request with the next of `answers`, and the requests it saw. */
async function serverOf(...answers: Answer[]) {
  const seen: { method: string; url: string; headers: http.IncomingHttpHeaders; body: string }[] = [];
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      const answer = answers.shift();
      if (answer === undefined) response.writeHead(500).end("no answer left");
      else answer(request, body, response);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { seen, baseUrl, client: createClient({ baseUrl, apiKey: "secret" }) };
}

const ID = "run_00000000000000000000000001";
const AT = "2026-01-02T03:04:05.678Z";
const RUN = {
  id: ID,
  status: "queued",
  language: "python",
  isolation: null,
  priority: 0,
  labels: {},
  attempt: 0,
  createdAt: AT,
  startedAt: null,
  finishedAt: null,
  outcome: null,
};
const json =
  (status: number, value: unknown, headers: Record<string, string> = {}): Answer =>
  (_request, _body, response) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));

const QUEUED = `id: 1\nevent: run.queued\ndata: ${JSON.stringify({ type: "run.queued", runId: ID, at: AT, language: "python" })}\n\n`;
const OUTPUT = `event: run.output\ndata: ${JSON.stringify({ type: "run.output", runId: ID, at: AT, step: "run", stream: "stdout", data: "aGk=" })}\n\n`;
const FINISHED = `id: 3\nevent: run.finished\ndata: ${JSON.stringify({ type: "run.finished", runId: ID, at: AT, status: "exited", exitCode: 0, signal: null, reason: null })}\n\n`;
const stream =
  (text: string, end: "end" | "break"): Answer =>
  (_request, _body, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(`retry: 1\n\n${text}`, () => (end === "end" ? response.end() : response.destroy()));
  };

async function failure(promise: Promise<unknown>): Promise<ClientError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ClientError);
  return error as ClientError;
}

describe("client", () => {
  it("sends the key and the request, and gives the parsed run", async () => {
    const { client, seen } = await serverOf(json(201, RUN));
    const run = await client.createRun({ language: "python", code: "1" }, { wait: true });
    expect(run.id).toBe(ID);
    expect(seen[0]).toMatchObject({
      method: "POST",
      url: "/api/v1/runs?wait=true",
      body: '{"language":"python","code":"1"}',
    });
    expect(seen[0]?.headers).toMatchObject({ authorization: "Bearer secret", "content-type": "application/json" });
  });

  it("keeps a path prefix of the base URL", async () => {
    const { baseUrl, seen } = await serverOf(json(200, { status: "ok" }));
    await createClient({ baseUrl: `${baseUrl}/crucible/` }).health();
    expect(seen[0]?.url).toBe("/crucible/healthz");
    expect(seen[0]?.headers.authorization).toBeUndefined();
  });

  it("turns an error reply into a ClientError with all its parts", async () => {
    const body = { error: { code: "queue_full", message: "too many", field: "x", docs: "/docs", requestId: "req_1" } };
    const { client } = await serverOf(json(429, body, { "retry-after": "7" }));
    const error = await failure(client.getRun(ID));
    expect(error).toMatchObject({
      code: "queue_full",
      status: 429,
      message: "too many",
      field: "x",
      requestId: "req_1",
      retryAfterSeconds: 7,
    });
  });

  it("names a reply of another program", async () => {
    const { client } = await serverOf(
      (_request, _body, response) => response.writeHead(502).end("<html>bad gateway"),
      json(200, { hello: 1 }),
    );
    expect(await failure(client.getRun(ID))).toMatchObject({ code: "unexpected_reply", status: 502 });
    expect(await failure(client.getRun(ID))).toMatchObject({ code: "unexpected_reply", status: 200 });
  });

  it("says that nobody listens", async () => {
    const error = await failure(createClient({ baseUrl: "http://127.0.0.1:1" }).health());
    expect(error).toMatchObject({ code: "unreachable", status: 0 });
  });

  it("gives up after the timeout", async () => {
    const { baseUrl } = await serverOf(() => {});
    expect(await failure(createClient({ baseUrl, timeoutMs: 20 }).health())).toMatchObject({ code: "timed_out" });
  });

  it("rejects with the caller's own reason on abort", async () => {
    const abort = new AbortController();
    const { client } = await serverOf(() => abort.abort(new Error("changed my mind")));
    await expect(client.health({ signal: abort.signal })).rejects.toThrow("changed my mind");
  });

  it("walks over all pages", async () => {
    const summary = (n: number) => ({ ...RUN, id: `run_${n}` });
    const { client, seen } = await serverOf(
      json(200, { runs: [summary(1), summary(2)], nextCursor: "c1" }),
      json(200, { runs: [summary(3)], nextCursor: null }),
    );
    const ids = [];
    for await (const run of client.allRuns({ language: "python", limit: 2 })) ids.push(run.id);
    expect(ids).toEqual(["run_1", "run_2", "run_3"]);
    expect(seen.map(({ url }) => url)).toEqual([
      "/api/v1/runs?language=python&limit=2",
      "/api/v1/runs?language=python&limit=2&cursor=c1",
    ]);
  });

  it("gives readiness also when the server is not ready", async () => {
    const bad = { ok: false, detail: "database does not work" };
    const { client } = await serverOf(
      json(503, { status: "not_ready", checks: { database: bad, queue: bad, engine: bad } }),
    );
    expect((await client.readiness()).status).toBe("not_ready");
  });
});

describe("run events", () => {
  it("resumes by Last-Event-ID after a broken connection and ends after run.finished", async () => {
    const { client, seen } = await serverOf(stream(QUEUED + OUTPUT, "break"), stream(FINISHED, "end"));
    const events = [];
    for await (const { id, event } of client.runEvents(ID)) events.push([id, event.type]);
    expect(events).toEqual([
      [1, "run.queued"],
      [null, "run.output"],
      [3, "run.finished"],
    ]);
    expect(seen.map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "1"]);
  });

  it("gives each byte of output once, though the server tells them again", async () => {
    const output = (offset: number, text: string) =>
      `event: run.output\ndata: ${JSON.stringify({ type: "run.output", runId: ID, at: AT, step: "run", stream: "stdout", offset, data: btoa(text) })}\n\n`;
    const { client } = await serverOf(
      stream(QUEUED + output(0, "abc"), "break"),
      stream(output(0, "abc") + output(3, "def"), "break"),
      stream(output(2, "cdefgh") + output(8, "i") + FINISHED, "end"),
    );
    const seen = [];
    for await (const { event } of client.runEvents(ID)) if (event.type === "run.output") seen.push(atob(event.data));
    expect(seen).toEqual(["abc", "def", "gh", "i"]);
  });

  it("tries again while the server is away", async () => {
    const away = json(503, { error: { code: "database_unavailable", message: "away", docs: "", requestId: "r" } });
    const { client } = await serverOf(stream(QUEUED, "end"), away, stream(FINISHED, "end"), json(200, RUN));
    expect((await client.waitForRun(ID)).id).toBe(ID);
  });

  it("ends when nothing is left to tell", async () => {
    const { client } = await serverOf((_request, _body, response) => response.writeHead(204).end());
    const events = [];
    for await (const event of client.runEvents(ID, { lastEventId: 3 })) events.push(event);
    expect(events).toEqual([]);
  });

  it("does not try again for a run that is not there", async () => {
    const { client, seen } = await serverOf(
      json(404, { error: { code: "not_found", message: "no", docs: "", requestId: "r" } }),
    );
    const error = await failure(
      (async () => {
        for await (const _ of client.runEvents(ID)) {
          /* none comes */
        }
      })(),
    );
    expect(error.code).toBe("not_found");
    expect(seen).toHaveLength(1);
  });

  it("stops at once on abort", async () => {
    const abort = new AbortController();
    const { client } = await serverOf((_request, _body, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(QUEUED);
    });
    const read = async () => {
      for await (const _ of client.runEvents(ID, { signal: abort.signal })) abort.abort(new Error("enough"));
    };
    await expect(read()).rejects.toThrow("enough");
  });
});
