import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ATTACK,
  completion,
  errorOf,
  type FakeUpstream,
  fakeUpstream,
  HARMLESS,
  sendJson,
  startGateway,
  type TestGateway,
} from "./gateway-fixture.ts";

let upstream: FakeUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await fakeUpstream((_, response) => sendJson(response, completion("Hello.")));
  gateway = await startGateway(`upstreams:
  - name: fake
    baseUrl: ${upstream.url}
    models: [m, "org/*"]
    aliases: { nice: m-2026 }
maxTextLength: 100000
`);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const user = (content: unknown) => ({ model: "m", messages: [{ role: "user", content }] });
const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

describe("a request that cannot be screened gets a clear error and reaches no model", () => {
  const cases: [name: string, path: string, body: unknown, status: number, code: string, param: string | null][] = [
    ["not JSON", "/chat/completions", "{", 400, "malformed_json", null],
    ["no body", "/chat/completions", "", 400, "invalid_request", null],
    ["a list", "/chat/completions", [], 400, "invalid_request", null],
    ["bytes that are no UTF-8", "/chat/completions", Buffer.from([0x22, 0xff, 0x22]), 400, "malformed_json", null],
    ["no model", "/chat/completions", { messages: [] }, 400, "invalid_request", "model"],
    ["an unknown model", "/chat/completions", { ...user(HARMLESS), model: "x" }, 404, "model_not_found", "model"],
    ["no messages", "/chat/completions", { model: "m" }, 400, "invalid_request", "messages"],
    [
      "an empty list of messages",
      "/chat/completions",
      { model: "m", messages: [] },
      400,
      "invalid_request",
      "messages",
    ],
    ["messages that are text", "/chat/completions", { model: "m", messages: "hi" }, 400, "invalid_request", "messages"],
    [
      "a wrong role",
      "/chat/completions",
      { model: "m", messages: [{ role: "root", content: "x" }] },
      400,
      "invalid_request",
      "messages[0].role",
    ],
    ["a content that is a number", "/chat/completions", user(5), 400, "invalid_request", "messages[0].content"],
    [
      "a part without a type",
      "/chat/completions",
      user([{ text: "x" }]),
      400,
      "invalid_request",
      "messages[0].content[0].type",
    ],
    ["a stream that is text", "/chat/completions", { ...user("x"), stream: "true" }, 400, "invalid_request", "stream"],
    [
      "a key that differs by case",
      "/chat/completions",
      { ...user("x"), Messages: [] },
      400,
      "invalid_request",
      "Messages",
    ],
    [
      "a part nested without end",
      "/chat/completions",
      `{"model":"m","messages":[{"role":"user","content":[{"type":"x","y":${nested(5000)}}]}]}`,
      400,
      "invalid_request",
      null,
    ],
    [
      "a content of lists without end",
      "/chat/completions",
      `{"model":"m","messages":[{"role":"user","content":${"[".repeat(100_000)}${"]".repeat(100_000)}}]}`,
      400,
      "invalid_request",
      "messages[0].content[0]",
    ],
    [
      "a field nested without end",
      "/chat/completions",
      `{"model":"m","messages":[{"role":"user","content":"x"}],"z":${nested(5000)}}`,
      400,
      "invalid_request",
      "z",
    ],
    ["a prompt of 10 MB", "/chat/completions", user("word ".repeat(2_000_000)), 413, "payload_too_large", "messages"],
    ["a body over the limit", "/chat/completions", user("x".repeat(17 * 1024 * 1024)), 413, "payload_too_large", null],
    ["a prompt of token ids", "/completions", { model: "m", prompt: [1, 2] }, 400, "invalid_request", "prompt[0]"],
    ["no prompt", "/completions", { model: "m" }, 400, "invalid_request", "prompt"],
    ["token ids to embed", "/embeddings", { model: "m", input: [[1, 2]] }, 400, "invalid_request", "input[0]"],
    [
      "a stream of embeddings",
      "/embeddings",
      { model: "m", input: "x", stream: true },
      400,
      "invalid_request",
      "stream",
    ],
    ["an input that is a number", "/responses", { model: "m", input: 5 }, 400, "invalid_request", "input"],
    [
      "an item with a wrong role",
      "/responses",
      { model: "m", input: [{ role: "root", content: "x" }] },
      400,
      "invalid_request",
      "input[0].role",
    ],
  ];
  test.each(cases)("%s", async (_, path, body, status, code, param) => {
    const before = upstream.seen.length;
    const error = await errorOf(await gateway.post(path, body));
    expect(error).toMatchObject({ status, code });
    if (param !== null) expect(error.param).toBe(param);
    expect(upstream.seen.length).toBe(before);
  });

  test.each([
    ["no key", { authorization: "" }],
    ["a wrong key", { authorization: "Bearer wrong" }],
  ])("%s", async (_, headers) => {
    const error = await errorOf(await gateway.post("/chat/completions", user("x"), { headers }));
    expect(error).toMatchObject({ status: 401, code: "invalid_api_key" });
  });

  test("an unknown route, and a wrong method", async () => {
    expect(await errorOf(await gateway.post("/images/generations", {}))).toMatchObject({ status: 404 });
    expect(await errorOf(await gateway.post("/models", {}))).toMatchObject({ status: 405 });
  });
});

describe("an attack is found wherever a model would read it", () => {
  const chat = (more: object) => ["/chat/completions", { ...user(HARMLESS), ...more }] as const;
  const tool = (change: object) => ({
    type: "function",
    function: { name: "f", description: "Gets.", parameters: {}, ...change },
  });
  const cases: [string, readonly [string, object]][] = [
    [
      "in the system message",
      chat({
        messages: [
          { role: "system", content: ATTACK },
          { role: "user", content: "Hello" },
        ],
      }),
    ],
    [
      "in a text part",
      chat({
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "Look:" },
              { type: "text", text: ATTACK },
            ],
          },
        ],
      }),
    ],
    [
      "in the result of a tool",
      chat({
        messages: [
          { role: "user", content: "Hello" },
          { role: "tool", tool_call_id: "c", content: ATTACK },
        ],
      }),
    ],
    [
      "in the arguments of a call",
      chat({
        messages: [
          { role: "user", content: "Hello" },
          {
            role: "assistant",
            content: null,
            tool_calls: [
              { id: "c", type: "function", function: { name: "f", arguments: JSON.stringify({ q: ATTACK }) } },
            ],
          },
        ],
      }),
    ],
    ["in the description of a tool", chat({ tools: [tool({ description: ATTACK })] })],
    [
      "in the schema of a tool",
      chat({
        tools: [tool({ parameters: { type: "object", properties: { q: { type: "string", description: ATTACK } } } })],
      }),
    ],
    [
      "in the schema of the answer",
      chat({ response_format: { type: "json_schema", json_schema: { name: "s", schema: { description: ATTACK } } } }),
    ],
    ["in a field that nobody knows", chat({ chat_template: ATTACK })],
    [
      "in the later of two keys",
      [
        "/chat/completions",
        `{"model":"m","messages":[{"role":"user","content":"Hello"}],"messages":[{"role":"user","content":${JSON.stringify(ATTACK)}}]}` as never,
      ],
    ],
    ["in a bare prompt", ["/completions", { model: "m", prompt: ATTACK }]],
    ["in the suffix of a prompt", ["/completions", { model: "m", prompt: "def f():", suffix: ATTACK }]],
    ["in an input", ["/responses", { model: "m", input: ATTACK }]],
    [
      "in an item of an input",
      ["/responses", { model: "m", input: [{ role: "user", content: [{ type: "input_text", text: ATTACK }] }] }],
    ],
    [
      "in what a call gave back",
      ["/responses", { model: "m", input: [{ type: "function_call_output", call_id: "c", output: ATTACK }] }],
    ],
    ["in the instructions", ["/responses", { model: "m", input: "Hello", instructions: ATTACK }]],
    ["in a text to embed", ["/embeddings", { model: "m", input: ["Hello", ATTACK] }]],
  ];
  test.each(cases)("%s", async (_, [path, body]) => {
    const before = upstream.seen.length;
    const reply = await gateway.post(path, body);
    expect(reply.headers.get("x-crucible-decision")).toBe("block");
    expect(await errorOf(reply)).toMatchObject({ status: 400, code: "content_filter" });
    expect(upstream.seen.length).toBe(before);
  });
});

describe("what passes", () => {
  const sent = async (body: unknown): Promise<string> => {
    const reply = await gateway.post("/chat/completions", body);
    expect(reply.status).toBe(200);
    return upstream.seen.at(-1)?.body ?? "";
  };

  test("reaches the model as the guard read it: the key that was given twice is sent once", async () => {
    const twice = `{"model":"m","messages":[{"role":"user","content":${JSON.stringify(ATTACK)}}],"messages":[{"role":"user","content":${JSON.stringify(HARMLESS)}}]}`;
    const body = await sent(twice);
    expect(JSON.parse(body)).toEqual(user(HARMLESS));
    expect(body).not.toContain("Ignore");
  });

  test("keeps fields that the gateway does not know, and numbers that a double cannot hold", async () => {
    const body = `{"model":"m","messages":[{"role":"user","content":${JSON.stringify(HARMLESS)}}],"seed":12345678901234567890,"min_p":0.05,"x":{"deep":[1,null,true,"Grüße aus Köln"]}}`;
    expect(await sent(body)).toBe(body);
  });

  test("keeps the model's name, or gives it the one of the upstream", async () => {
    expect(JSON.parse(await sent({ ...user(HARMLESS), model: "org/any-7b" }))).toMatchObject({ model: "org/any-7b" });
    expect(JSON.parse(await sent({ ...user(HARMLESS), model: "nice" }))).toMatchObject({ model: "m-2026" });
  });

  test("images go by unscreened, with the text beside them screened", async () => {
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
    await sent(user([{ type: "text", text: HARMLESS }, image]));
    const reply = await gateway.post("/chat/completions", user([image, { type: "text", text: ATTACK }]));
    expect(reply.status).toBe(400);
  });
});

test("a block says why, and not a word of the prompt", async () => {
  const marker = "zebra-4711";
  const reply = await gateway.chat(`${ATTACK} ${marker}`, {}, { headers: { "x-request-id": "mine-1" } });
  const text = await reply.text();
  expect(JSON.parse(text)).toEqual({
    error: {
      message: expect.stringContaining("blocked") as string,
      type: "invalid_request_error",
      param: "messages",
      code: "content_filter",
      innererror: {
        code: "ResponsibleAIPolicyViolation",
        content_filter_result: { jailbreak: { filtered: true, detected: true } },
      },
      details: {
        stage: "bayes",
        detector: expect.stringMatching(/^bayes-1@/) as string,
        score: expect.any(Number) as number,
        threshold: gateway.guard.policy.stages[0]?.blockAtOrAbove,
        request_id: "mine-1",
        screening_id: reply.headers.get("x-crucible-screening-id"),
      },
    },
  });
  expect(Object.fromEntries(reply.headers)).toMatchObject({
    "x-should-retry": "false",
    "x-crucible-decision": "block",
    "x-crucible-stage": "bayes",
    "x-request-id": "mine-1",
  });
  expect(Number(reply.headers.get("x-crucible-score"))).toBeGreaterThan(0.5);
  expect(text).not.toContain(marker);
});

test("lists models by name and finds those that match a pattern", async () => {
  const get = async (path: string) => {
    const reply = await gateway.post(path, "", { method: "GET", body: null });
    return (await reply.json()) as Record<string, unknown>;
  };
  const { data } = (await get("/models")) as { data: { id: string; owned_by: string }[] };
  expect(data.map(({ id, owned_by: owner }) => [id, owner])).toEqual([
    ["m", "fake"],
    ["nice", "fake"],
    ["stub", "stub"],
  ]);
  expect(await get("/models/org/any-7b")).toMatchObject({ id: "org/any-7b", object: "model", owned_by: "fake" });
  expect(await get("/models/org%2Fany-7b")).toMatchObject({ id: "org/any-7b" });
  expect(await get("/models/nobody")).toMatchObject({ error: { code: "model_not_found" } });
});

test("every screening is on record, with the key and the request", async () => {
  const reply = await gateway.chat(HARMLESS, {}, { headers: { "x-request-id": "mine-2" } });
  const id = reply.headers.get("x-crucible-screening-id");
  const [input, output] = gateway.screenings.filter(({ requestId }) => requestId === "mine-2");
  expect(input).toMatchObject({
    id,
    source: "gateway",
    direction: "input",
    model: "m",
    keyId: "key_1",
    text: HARMLESS,
  });
  expect(output).toMatchObject({
    direction: "output",
    decision: "allow",
    text: expect.stringContaining("Hello.") as string,
  });
  expect(reply.headers.get("x-crucible-output-screening-id")).toBe(output?.id);
});
