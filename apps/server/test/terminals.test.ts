import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient, SandboxRequest, type Client } from "@crucible/contract";
import { buildApp } from "../src/http/app.ts";
import { memoryDeps, TEST_KEY } from "../src/http/testing/fakes.ts";
import { SILENT } from "../src/log.ts";
import { createSandboxes } from "../src/sandboxes/sandboxes.ts";
import { createFakeSession, memoryRecords, type FakeSession, type FakeTerminal } from "./fake-session.ts";

/** On a busy machine. */
const PATIENT = { timeout: 20_000 };

/** A server over HTTP, whose sandboxes are fakes. */
async function start(heartbeatMs = 15_000) {
  const sessions: FakeSession[] = [];
  const sandboxes = createSandboxes({
    host: {
      open: async () => {
        const session = createFakeSession();
        sessions.push(session);
        return session;
      },
      chooseEngine: async () => "fake",
    },
    records: memoryRecords(),
    cleanArchive: async (archive) => archive,
    onCount: () => undefined,
    onProgram: () => undefined,
    log: SILENT,
    maxReplyBytes: 1024,
  });
  const app = buildApp({ ...memoryDeps({ heartbeatMs }).deps, sandboxes });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const open = async (): Promise<{ id: string; session: FakeSession }> => {
    const { id } = await sandboxes.create(SandboxRequest.parse({}));
    return { id, session: sessions.at(-1)! };
  };
  return { app, url, client: createClient({ baseUrl: url, apiKey: TEST_KEY }), sandboxes, open };
}

let server: Awaited<ReturnType<typeof start>>;
let client: Client;
beforeAll(async () => {
  server = await start();
  ({ client } = server);
});
afterAll(async () => {
  await server.app.close();
  await server.sandboxes[Symbol.asyncDispose]();
});

const ignore = { onOutput: () => undefined };
const last = (session: FakeSession): FakeTerminal => session.terminals.at(-1)!;

describe("a terminal over HTTP", () => {
  test("takes input in order and a size, gives output byte for byte, and its end", async () => {
    const { id, session } = await server.open();
    const seen: Buffer[] = [];
    const terminal = await client.openTerminal(
      id,
      { argv: ["top"], rows: 10, columns: 20 },
      { onOutput: (bytes) => void seen.push(Buffer.from(bytes)) },
    );
    const far = last(session);
    expect(far).toMatchObject({ argv: ["top"], sizes: [{ rows: 10, columns: 20 }] });
    expect((await client.getSandbox(id)).running).toBe(1);
    for (const key of ["a", "\u0003", "ä"]) await terminal.write(new TextEncoder().encode(key));
    await terminal.resize({ rows: 33, columns: 44 });
    expect(far.written).toEqual(["a", "\u0003", "ä"]);
    expect(far.sizes.at(-1)).toEqual({ rows: 33, columns: 44 });
    far.print("1\u0000\u001b[2J");
    far.exit(7);
    expect(await terminal.ended).toMatchObject({ status: "exited", exitCode: 7 });
    expect(Buffer.concat(seen).toString()).toBe("1\u0000\u001b[2J");
    await expect.poll(async () => (await client.getSandbox(id)).running, PATIENT).toBe(0);
    await expect(terminal.write(new Uint8Array([1]))).rejects.toThrow("has ended");
  });

  test("ends when its caller leaves", async () => {
    const { id, session } = await server.open();
    const leaving = new AbortController();
    const terminal = await client.openTerminal(id, {}, { ...ignore, signal: leaving.signal });
    leaving.abort(new Error("left"));
    await expect(terminal.ended).rejects.toThrow("left");
    await last(session).killed;
    await expect.poll(async () => (await client.getSandbox(id)).running, PATIENT).toBe(0);
  });

  test("ends when nothing was typed or printed for its idle time, and not before", async () => {
    const { id, session } = await server.open();
    const terminal = await client.openTerminal(id, { idleTimeoutMs: 1_000 }, ignore);
    const startedAt = performance.now();
    const again = setTimeout(() => last(session).print("."), 600);
    expect(await terminal.ended).toMatchObject({ status: "timed_out" });
    clearTimeout(again);
    expect(performance.now() - startedAt).toBeGreaterThan(1_500);
    await last(session).killed;
  });

  test("lets the program wait for a reader that does not read", async () => {
    const { id, session } = await server.open();
    const reading = Promise.withResolvers<void>();
    const terminal = await client.openTerminal(id, {}, { onOutput: () => reading.promise });
    const far = last(session);
    let printed = 0;
    // Far more than sockets hold: what is not read is not said to be taken.
    for (; printed < 24 * 1024 * 1024; printed += 256 * 1024) {
      far.print("x".repeat(256 * 1024));
      await new Promise(setImmediate);
    }
    expect(far.taken).toBeLessThan(printed);
    reading.resolve();
    await expect.poll(() => far.taken, PATIENT).toBe(printed);
    far.exit(0);
    expect((await terminal.ended).status).toBe("exited");
  });

  test("answers input when the program takes more, and one caller does not keep another out", async () => {
    const { id, session } = await server.open();
    const terminal = await client.openTerminal(id, {}, ignore);
    const room = Promise.withResolvers<void>();
    last(session).stuck = room.promise;
    let isAnswered = false;
    const writing = terminal.write(new Uint8Array([65])).then(() => (isAnswered = true));
    await expect.poll(() => last(session).written, PATIENT).toEqual(["A"]);
    expect((await client.getSandbox(id)).status).toBe("open");
    expect(isAnswered).toBe(false);
    room.resolve();
    await writing;
    last(session).exit(0);
    await terminal.ended;
  });

  test("is one of eight at most", async () => {
    const { id, session } = await server.open();
    const all = await Promise.all(Array.from({ length: 8 }, () => client.openTerminal(id, {}, ignore)));
    await expect(client.openTerminal(id, {}, ignore)).rejects.toMatchObject({ code: "too_many_terminals" });
    session.terminals[0]?.exit(0);
    await Promise.race(all.map((one) => one.ended));
    await expect.poll(() => client.openTerminal(id, {}, ignore).then((one) => one.id), PATIENT).toMatch(/^trm_/);
    for (const terminal of session.terminals) terminal.exit(0);
  });

  test("says so when its sandbox ends, and when the server stops", async () => {
    const own = await start(5);
    const { id, session } = await own.open();
    const terminal = await own.client.openTerminal(id, {}, ignore);
    const closing = own.app.close();
    expect(await terminal.ended).toMatchObject({ status: "cancelled" });
    await last(session).killed;
    await closing;
    await own.sandboxes[Symbol.asyncDispose]();
    const gone = await server.open();
    await client.deleteSandbox(gone.id);
    await expect(client.openTerminal(gone.id, {}, ignore)).rejects.toMatchObject({ code: "sandbox_ended" });
  });
});

describe("what a hostile caller sends to a terminal", () => {
  const call = async (path: string, init: RequestInit, key: string | null = TEST_KEY): Promise<[number, unknown]> => {
    const reply = await fetch(server.url + path, {
      ...init,
      headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...init.headers },
    });
    const body = (await reply.json()) as { error?: { code: string } };
    return [reply.status, body.error?.code];
  };
  const bytes = { "content-type": "application/octet-stream" };
  const json = { "content-type": "application/json" };

  test.each<[string, string, RequestInit, number, string]>([
    [
      "a size of nothing",
      "/size",
      { method: "PUT", headers: json, body: '{"rows":0,"columns":80}' },
      400,
      "invalid_request",
    ],
    [
      "a size beyond all",
      "/size",
      { method: "PUT", headers: json, body: '{"rows":1e9,"columns":1}' },
      400,
      "invalid_request",
    ],
    [
      "a size of text",
      "/size",
      { method: "PUT", headers: json, body: '{"rows":"24","columns":80}' },
      400,
      "invalid_request",
    ],
    ["a body that is no JSON", "/size", { method: "PUT", headers: json, body: "{" }, 400, "malformed_json"],
    ["input as JSON", "/input", { method: "POST", headers: json, body: '"ls"' }, 415, "unsupported_media_type"],
    ["no input at all", "/input", { method: "POST" }, 415, "unsupported_media_type"],
    [
      "input over 64 KiB",
      "/input",
      { method: "POST", headers: bytes, body: "x".repeat(65_537) },
      413,
      "payload_too_large",
    ],
  ])("%s is refused, and reaches no terminal", async (_what, path, init, status, code) => {
    const { id, session } = await server.open();
    const terminal = await client.openTerminal(id, {}, ignore);
    expect(await call(`/api/v1/sandboxes/${id}/terminals/${terminal.id}${path}`, init)).toEqual([status, code]);
    expect(last(session)).toMatchObject({ written: [], sizes: [{ rows: 24, columns: 80 }] });
    last(session).exit(0);
    await terminal.ended;
  });

  test("without a key, with another's, or for another sandbox's terminal it is refused", async () => {
    const [one, two] = [await server.open(), await server.open()];
    const terminal = await client.openTerminal(one.id, {}, ignore);
    const input = { method: "POST", headers: bytes, body: "rm" };
    const path = `/api/v1/sandboxes/${one.id}/terminals/${terminal.id}/input`;
    expect(await call(path, input, null)).toEqual([401, "unauthorized"]);
    expect(await call(path, input, "key-of-nobody-at-all")).toEqual([401, "unauthorized"]);
    expect(await call(path.replace(one.id, two.id), input)).toEqual([404, "not_found"]);
    expect(await call(path.replace(terminal.id, "trm_..%2F..%2Ffiles"), input)).toEqual([400, "invalid_request"]);
    expect(await call(path.replace(terminal.id, "constructor"), input)).toEqual([400, "invalid_request"]);
    const open = { method: "POST", headers: json, body: "{}" };
    expect(await call(`/api/v1/sandboxes/${one.id}/terminals`, open, null)).toEqual([401, "unauthorized"]);
    for (const body of ['{"argv":[]}', '{"argv":["a\\u0000b"]}', '{"rows":1.5}', '{"tty":true}', '{"idleTimeoutMs":1}'])
      expect(await call(`/api/v1/sandboxes/${one.id}/terminals`, { ...open, body })).toEqual([400, "invalid_request"]);
    expect(last(one.session).written).toEqual([]);
    last(one.session).exit(0);
    await terminal.ended;
  });
});
