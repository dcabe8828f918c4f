import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  completion,
  errorOf,
  type FakeUpstream,
  fakeUpstream,
  HARMLESS,
  sendJson,
  startGateway,
  type TestGateway,
} from "./gateway-fixture.ts";

const KEY = "sk-upstream-0123456789";
let undo: AsyncDisposableStack;
beforeEach(() => {
  undo = new AsyncDisposableStack();
});
afterEach(async () => {
  await undo.disposeAsync();
});

/** Two attempts, short deadlines, a breaker that opens late. */
const SETTINGS = `
    key: { env: MODEL_KEY }
    models: [m]
    connectTimeoutMs: 300
    idleTimeoutMs: 200
    timeoutMs: 1500
    retries: 1
    maxResponseBytes: 65536
    breaker: { failures: 100 }`;

async function gatewayFor(url: string, settings = SETTINGS): Promise<TestGateway> {
  const yaml = `upstreams:\n  - name: fake\n    baseUrl: ${url}${settings}\n`;
  return undo.use(await startGateway(yaml, { env: { MODEL_KEY: KEY } }));
}

type Answer = Parameters<typeof fakeUpstream>[0];

async function start(
  answer: Answer,
  settings = SETTINGS,
): Promise<{ readonly upstream: FakeUpstream; readonly gateway: TestGateway }> {
  const upstream = undo.use(await fakeUpstream(answer));
  return { upstream, gateway: await gatewayFor(upstream.url, settings) };
}

const chunk = (delta: object, finish: string | null = null): string => {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices })}\n\n`;
};
const openStream = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { "content-type": "text/event-stream" });
/** Longer than what is held back of a stream. */
const LONG = "A sentence about museums in Paris. ".repeat(60);

/** The data of each event of a stream, whole. */
async function dataOf(reply: Response): Promise<string[]> {
  const blocks = (await reply.text()).split("\n\n").filter((block) => block !== "");
  return blocks.map((block) => block.replace(/^data: /, ""));
}

describe("an upstream that gives no answer: an error of the OpenAI API, within the deadline", () => {
  test("it is down", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const gateway = await gatewayFor(`http://127.0.0.1:${port}/v1`);
    for (const stream of [false, true]) {
      const error = await errorOf(await gateway.chat(HARMLESS, { stream }));
      expect(error).toMatchObject({ status: 502, code: "upstream_failed" });
    }
    expect(await gateway.metrics()).toContain('crucible_upstream_failures_total{upstream="fake",kind="unreachable"} 4');
  });

  const ok = (response: ServerResponse, body: string | Buffer, headers: Record<string, string> = {}): void => {
    response.writeHead(200, { "content-type": "application/json", ...headers }).end(body);
  };
  const cases: [string, (response: ServerResponse) => void, number, string][] = [
    ["it is silent", () => {}, 504, "upstream_timeout"],
    ["it falls silent in the middle", (response) => void response.writeHead(200).write("{"), 504, "upstream_timeout"],
    ["it breaks the connection", (response) => void response.destroy(), 502, "upstream_failed"],
    [
      "it breaks off in the middle",
      (response) => void response.writeHead(200, { "content-length": "100" }).write("{", () => response.destroy()),
      502,
      "upstream_failed",
    ],
    ["it answers with HTML", (response) => ok(response, "<h1>Hi</h1>"), 502, "upstream_failed"],
    ["it answers with a list", (response) => ok(response, "[]"), 502, "upstream_failed"],
    [
      "it answers with bytes that are no UTF-8",
      (response) => ok(response, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])),
      502,
      "upstream_failed",
    ],
    [
      "it answers with more than is taken",
      (response) => ok(response, JSON.stringify(completion("x".repeat(100_000)))),
      502,
      "upstream_failed",
    ],
    [
      "it answers in an encoding that was not asked for",
      (response) => ok(response, "x", { "content-encoding": "br" }),
      502,
      "upstream_failed",
    ],
    ["it sends an error page", (response) => void response.writeHead(500).end("<h1>500</h1>"), 502, "upstream_failed"],
    [
      "it does not take the key",
      (response) => sendJson(response, { error: { message: `bad key ${KEY}` } }, 401),
      502,
      "upstream_failed",
    ],
    [
      "it answers with the key",
      (response) => sendJson(response, completion(`your key is ${KEY}`)),
      502,
      "upstream_failed",
    ],
    [
      "it sends the client elsewhere",
      (response) => void response.writeHead(307, { location: "http://127.0.0.1:1/" }).end(),
      502,
      "upstream_failed",
    ],
  ];
  test.each(cases)("%s", async (_, answer, status, code) => {
    const { gateway } = await start((__, response) => answer(response));
    const reply = await gateway.chat(HARMLESS);
    const text = await reply.clone().text();
    expect(await errorOf(reply)).toMatchObject({ status, code });
    expect(text).not.toContain(KEY);
    expect(gateway.logged.join("")).not.toContain(KEY);
  });

  test("a stream that does not begin has a status, too", async () => {
    const { gateway } = await start((_, response) => openStream(response).flushHeaders());
    const error = await errorOf(await gateway.chat(HARMLESS, { stream: true }));
    expect(error).toMatchObject({ status: 504, code: "upstream_timeout" });
  });

  test("what was asked as a stream and comes as something else is no answer", async () => {
    const { gateway } = await start((_, response) => sendJson(response, completion("x")));
    expect(await errorOf(await gateway.chat(HARMLESS, { stream: true }))).toMatchObject({ status: 502 });
  });
});

describe("a stream that breaks ends with its error, and without [DONE]", () => {
  const begin = (response: ServerResponse): ServerResponse => {
    openStream(response).write(chunk({ role: "assistant", content: "" }) + chunk({ content: LONG }));
    return response;
  };
  const cases: [string, (response: ServerResponse) => void, string][] = [
    [
      "cut off",
      (response) => void begin(response).write(chunk({ content: "x" }), () => response.destroy()),
      "upstream_failed",
    ],
    ["ended too early", (response) => void begin(response).end(), "upstream_failed"],
    ["garbage", (response) => void begin(response).write("data: {this is no JSON\n\n"), "upstream_failed"],
    ["an event that is no object", (response) => void begin(response).write("data: 5\n\n"), "upstream_failed"],
    [
      "an error",
      (response) => void begin(response).write('data: {"error":{"message":"overloaded"}}\n\n'),
      "upstream_failed",
    ],
    ["silence", (response) => void begin(response), "upstream_timeout"],
    [
      "more than is taken",
      (response) => void begin(response).write(chunk({ content: "y".repeat(70_000) })),
      "upstream_failed",
    ],
    ["the server's key", (response) => void begin(response).write(chunk({ content: KEY })), "upstream_failed"],
  ];
  test.each(cases)("%s", async (_, answer, code) => {
    const { gateway } = await start((__, response) => answer(response));
    const reply = await gateway.chat(HARMLESS, { stream: true });
    const events = await dataOf(reply);
    expect(events.join("")).not.toContain(KEY);
    expect(JSON.parse(events.at(-1) ?? "")).toMatchObject({ error: { code, type: "server_error" } });
    // What came in one packet with the fault may be lost with it, and then there is a status.
    if (reply.status === 200) expect(events.length).toBeGreaterThan(1);
  });

  test("an endless one ends at its deadline", async () => {
    const { gateway } = await start((_, response) => {
      begin(response);
      const timer = setInterval(() => response.write(chunk({ content: "." })), 20);
      response.once("close", () => clearInterval(timer));
    });
    const events = await dataOf(await gateway.chat(HARMLESS, { stream: true }));
    expect(JSON.parse(events.at(-1) ?? "")).toMatchObject({ error: { code: "upstream_timeout" } });
  });

  test("one without [DONE] gets it where every choice has ended", async () => {
    const { gateway } = await start((_, response) => void begin(response).end(chunk({}, "stop")));
    expect((await dataOf(await gateway.chat(HARMLESS, { stream: true }))).at(-1)).toBe("[DONE]");
  });
});

describe("trying again", () => {
  const BUSY = { error: { message: "busy", type: "server_error", param: null, code: "busy" } };
  const statuses = (list: readonly number[], headers: object = { "retry-after-ms": "1" }): Answer => {
    return (_, response, count) => {
      const status = list[count - 1] ?? 200;
      if (status === 200) sendJson(response, completion("Hello."));
      else if (status === 0) response.destroy();
      else sendJson(response, BUSY, status, headers);
    };
  };

  test.each([408, 429, 500, 502, 503, 504, 0])(
    "after a status %s (0: a broken connection) there is one more attempt",
    async (status) => {
      const { gateway, upstream } = await start(statuses([status]));
      expect((await gateway.chat(HARMLESS)).status).toBe(200);
      expect(upstream.seen.length).toBe(2);
      expect(await gateway.metrics()).toContain('crucible_upstream_retries_total{upstream="fake"} 1');
    },
  );

  test.each([400, 404, 409, 422, 501])("a status %s is passed on as it is", async (status) => {
    const { gateway, upstream } = await start(statuses([status]));
    const error = await errorOf(await gateway.chat(HARMLESS));
    expect(error).toEqual({ status, code: "busy", message: "busy", param: null });
    expect(upstream.seen.length).toBe(1);
  });

  test("no more often than the file says, and then the error is passed on with its Retry-After", async () => {
    const { gateway, upstream } = await start(statuses([429, 429, 429]));
    const reply = await gateway.chat(HARMLESS);
    expect(reply.headers.get("retry-after-ms")).toBe("1");
    expect(await errorOf(reply)).toMatchObject({ status: 429, code: "busy" });
    expect(upstream.seen.length).toBe(2);
  });

  test.each([
    ["a Retry-After that is too long", { "retry-after": "3600" }],
    ["x-should-retry: false", { "x-should-retry": "false" }],
  ])("%s is passed on, and ends it", async (_, headers) => {
    const { gateway, upstream } = await start(statuses([429], headers));
    const reply = await gateway.chat(HARMLESS);
    expect(reply.status).toBe(429);
    for (const [name, value] of Object.entries(headers)) expect(reply.headers.get(name)).toBe(value);
    expect(upstream.seen.length).toBe(1);
  });

  test("never once the stream has begun", async () => {
    const { gateway, upstream } = await start((_, response) => {
      openStream(response).write(chunk({ content: LONG }), () => response.destroy());
    });
    await (await gateway.chat(HARMLESS, { stream: true })).text();
    expect(upstream.seen.length).toBe(1);
  });
});

test("a breaker opens after several failures, lets nothing through, and closes when the server is back", async () => {
  let isBroken = true;
  const settings = `\n    models: [m]\n    retries: 0\n    breaker: { failures: 3, openMs: 150 }`;
  const { gateway, upstream } = await start((_, response) => {
    if (isBroken) response.destroy();
    else sendJson(response, completion("Hello."));
  }, settings);
  for (let i = 0; i < 3; i++) expect(await errorOf(await gateway.chat(HARMLESS))).toMatchObject({ status: 502 });
  const reply = await gateway.chat(HARMLESS);
  expect(reply.headers.get("retry-after")).toBe("1");
  expect(await errorOf(reply)).toMatchObject({ status: 503, code: "upstream_unavailable" });
  expect(upstream.seen.length).toBe(3);
  expect(await gateway.metrics()).toContain('crucible_breaker_state{of="upstream",name="fake"} 2');
  isBroken = false;
  await expect.poll(async () => (await gateway.chat(HARMLESS)).status, { timeout: 5000 }).toBe(200);
  expect(await gateway.metrics()).toContain('crucible_breaker_state{of="upstream",name="fake"} 0');
});

test.each([false, true])("a client that leaves ends the call (stream: %s)", async (stream) => {
  const asked = Promise.withResolvers<void>();
  const patient = SETTINGS.replace("200", "60000").replace("1500", "60000");
  const { gateway, upstream } = await start((_, response) => {
    if (stream) openStream(response).write(chunk({ content: LONG }));
    asked.resolve();
  }, patient);
  const leaving = new AbortController();
  const call = gateway.chat(HARMLESS, { stream }, { signal: leaving.signal });
  await asked.promise;
  if (stream) await call;
  leaving.abort();
  if (!stream) await expect(call).rejects.toThrow("abort");
  await upstream.aborted;
  // What the client did not wait for says nothing about the server.
  await expect.poll(() => gateway.metrics()).toContain('outcome="client_gone"');
  expect(await gateway.metrics()).not.toContain("crucible_upstream_failures_total{");
});

test("of what a client sends only the body counts: no header of its own, no other address", async () => {
  const { gateway, upstream } = await start((_, response) => sendJson(response, completion("Hello.")));
  const headers = {
    "x-forwarded-host": "evil.example",
    "x-base-url": "http://evil.example/v1",
    "x-portkey-custom-host": "http://evil.example",
    te: "trailers",
    cookie: "session=1",
    "openai-beta": "assistants=v2",
    "idempotency-key": "once",
  };
  const more = { base_url: "http://127.0.0.1:1/v1", api_base: "http://127.0.0.1:1" };
  expect((await gateway.chat(HARMLESS, more, { headers })).status).toBe(200);
  const [seen] = upstream.seen;
  expect(seen?.url).toBe("/v1/chat/completions");
  expect(Object.keys(seen?.headers ?? {}).sort()).toEqual([
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "openai-beta",
    "user-agent",
    "x-request-id",
  ]);
  const { host } = new URL(upstream.url);
  expect(seen?.headers).toMatchObject({ authorization: `Bearer ${KEY}`, host, "idempotency-key": "once" });
});

test("a model's name with a path in it changes no address", async () => {
  const { gateway, upstream } = await start(
    (_, response) => sendJson(response, completion("Hello.")),
    `\n    models: ["*"]`,
  );
  await gateway.chat(HARMLESS, { model: "../../admin?x=1#" });
  expect(upstream.seen.map(({ url }) => url)).toEqual(["/v1/chat/completions"]);
});

test("a server that stops takes nothing new, and ends what is not done in its time with an error", async () => {
  const asked = Promise.withResolvers<void>();
  const patient = SETTINGS.replace("200", "60000").replace("1500", "60000");
  const { gateway } = await start((_, response, count) => {
    openStream(response).write(chunk({ content: LONG }));
    if (count === 2) asked.resolve();
  }, patient);
  const begun = await gateway.chat(HARMLESS, { stream: true });
  const waiting = gateway.chat(HARMLESS);
  await asked.promise;
  const drained = gateway.drain(50);
  expect(await errorOf(await gateway.chat(HARMLESS))).toMatchObject({ status: 503, code: "shutting_down" });
  await drained;
  expect(JSON.parse((await dataOf(begun)).at(-1) ?? "")).toMatchObject({ error: { code: "shutting_down" } });
  expect(await errorOf(await waiting)).toMatchObject({ status: 503, code: "shutting_down" });
});
