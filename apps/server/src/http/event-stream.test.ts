import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { FastifyInstance } from "fastify";
import { buildApp } from "./app.ts";
import type { HttpSettings } from "./deps.ts";
import { TEST_KEY, memoryDeps } from "./testing/fakes.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const HEADERS = { authorization: `Bearer ${TEST_KEY}` };

async function start(settings: Partial<HttpSettings> = {}) {
  const parts = memoryDeps(settings);
  const app: FastifyInstance = buildApp(parts.deps);
  await app.listen({ port: 0, host: "127.0.0.1" });
  closers.push(() => app.close());
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const created = await app.inject({
    method: "POST",
    url: "/api/v1/runs",
    headers: HEADERS,
    payload: { language: "python", code: "1" },
  });
  const { id } = created.json();
  const listen = (headers: Record<string, string> = {}) =>
    fetch(`${base}/api/v1/runs/${id}/events`, { headers: { ...HEADERS, ...headers } });
  return { ...parts, app, base, id: id as string, listen };
}

const ids = (text: string): number[] => [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]));
const types = (text: string): string[] => [...text.matchAll(/^event: (.+)$/gm)].map((match) => match[1] ?? "");
const at = new Date().toISOString();

/** Reads until the text so far satisfies `done`, and gives it. */
async function readUntil(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  done: (text: string) => boolean,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  while (!done(text)) {
    const chunk = await reader.read();
    if (chunk.done) throw new Error(`the stream ended after: ${text}`);
    text += decoder.decode(chunk.value, { stream: true });
  }
  return text;
}

describe("event stream", () => {
  it("replays what is stored, goes live, and ends after run.finished", async () => {
    const { id, listen, runs } = await start();
    const reply = await listen();
    expect(reply.headers.get("content-type")).toContain("text/event-stream");
    runs.record({ type: "run.started", runId: id, at, attempt: 1, engine: "bubblewrap" });
    runs.output(id, "stdout", "hi\n");
    runs.finish(id);
    const text = await reply.text();
    expect(types(text)).toEqual(["run.queued", "run.started", "run.output", "run.finished"]);
    expect(ids(text)).toEqual([1, 2, 3]);
    expect(text).toContain(`"data":"${Buffer.from("hi\n").toString("base64")}"`);
  });

  it("gives output no id", async () => {
    const { id, listen, runs } = await start();
    const reply = await listen();
    runs.output(id, "stdout", "hi");
    runs.finish(id);
    const block = (await reply.text()).split("\n\n").find((text) => text.includes("run.output"));
    expect(block).toMatch(/^event: run\.output\ndata: /);
  });

  it("has neither gap nor duplicate when events arrive while the stored ones are read", async () => {
    const { id, listen, runs } = await start();
    const { eventsAfter } = runs.reader;
    runs.reader.eventsAfter = async (runId, afterSeq) => {
      const before = await eventsAfter(runId, afterSeq);
      runs.record({ type: "run.started", runId: id, at, attempt: 1, engine: "bubblewrap" });
      const after = await eventsAfter(runId, afterSeq);
      runs.finish(id);
      return before.length % 2 === 1 ? after : before;
    };
    const text = await (await listen()).text();
    expect(types(text)).toEqual(["run.queued", "run.started", "run.finished"]);
    expect(ids(text)).toEqual([1, 2, 3]);
  });

  it("resumes after Last-Event-ID", async () => {
    const { id, listen, runs } = await start();
    runs.record({ type: "run.started", runId: id, at, attempt: 1, engine: "bubblewrap" });
    runs.finish(id);
    const text = await (await listen({ "last-event-id": "2" })).text();
    expect(types(text)).toEqual(["run.finished"]);
  });

  it("answers 204 when the listener knows all, so that EventSource stops", async () => {
    const { id, listen, runs } = await start();
    runs.finish(id);
    expect((await listen({ "last-event-id": "2" })).status).toBe(204);
  });

  it("refuses a Last-Event-ID that it never gave, and a run that is not there", async () => {
    const { app, listen } = await start();
    const bad = await listen({ "last-event-id": "-1; drop" });
    expect(bad.status).toBe(400);
    const { error } = (await bad.json()) as { error: { field: string } };
    expect(error.field).toBe("Last-Event-ID");
    const missing = await app.inject({ url: "/api/v1/runs/run_00000000000000000000000099/events", headers: HEADERS });
    expect(missing.statusCode).toBe(404);
  });

  it("sends heartbeats on silence and fetches events that the bus lost", async () => {
    const { id, listen, runs, bus } = await start({ heartbeatMs: 10 });
    const reply = await listen();
    const reader = reply.body!.getReader();
    await readUntil(reader, (text) => text.includes(": still here"));
    const { publish } = bus;
    bus.publish = () => {};
    runs.record({ type: "run.started", runId: id, at, attempt: 1, engine: "bubblewrap" });
    bus.publish = publish;
    expect(await readUntil(reader, (text) => text.includes("run.started"))).toContain("id: 2");
    await reader.cancel();
  });

  it("stops listening when the client goes away, and leaves the run alone", async () => {
    const { id, listen, bus, runs } = await start();
    const base = bus.listeners();
    const gone = Promise.withResolvers<void>();
    const { subscribe } = bus;
    bus.subscribe = (topic, listener) => {
      const stop = subscribe(topic, listener);
      return () => {
        stop();
        gone.resolve();
      };
    };
    const reply = await listen();
    expect(bus.listeners()).toBe(base + 1);
    await reply.body!.cancel();
    await gone.promise;
    expect(bus.listeners()).toBe(base);
    expect((await runs.reader.getRun(id))?.status).toBe("queued");
  });

  it("drops a client that reads too slowly at the bounded buffer", async () => {
    const { id, base, runs, bus } = await start({ eventBufferBytes: 64 * 1024 });
    const before = bus.listeners();
    const request = http.get(`${base}/api/v1/runs/${id}/events`, { headers: HEADERS });
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    response.on("error", () => {});
    const closed = new Promise((resolve) => response.once("close", resolve));
    response.pause();
    // More than the kernel's socket buffers hold: only then does the stream's own buffer fill.
    for (let i = 0; i < 2000 && bus.listeners() > before; i++) {
      runs.output(id, "stdout", "x".repeat(48 * 1024));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bus.listeners()).toBe(before);
    response.resume();
    await closed;
    expect(response.complete).toBe(false);
  });

  it("ends when the server stops", async () => {
    const { app, listen } = await start();
    const reply = await listen();
    await app.close();
    expect(types(await reply.text())).toEqual(["run.queued"]);
  });
});
