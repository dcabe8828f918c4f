import { afterAll, beforeAll, expect, test } from "vitest";
import { errorOf, type FakeUpstream, fakeUpstream, startGateway, type TestGateway } from "./gateway-fixture.ts";

/** A generator of numbers from a seed (mulberry32): a failure names the seed that makes it again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const WORDS = [
  ..."model messages role content type text input prompt tools function name arguments tool_calls stream n index".split(
    " ",
  ),
  ..."choices delta finish_reason message usage response output item part id object logprobs error custom".split(" "),
];
const STRINGS = [
  ...["user", "system", "assistant", "tool", "root", "text", "input_text", "image_url", "function_call", "m", "stub"],
  ...["Hello there", "", "\0", "\ud800", "😀", "__proto__", "constructor", "[DONE]", "{}", "stop", "content_filter"],
];

/** Any JSON value, mostly of the words that the formats know. */
function anyJson(random: () => number, depth: number): unknown {
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)] as Value;
  const kind = random();
  if (depth === 0 || kind < 0.35) return pick<unknown>([...STRINGS, 0, 1, -1, 1.5, 1e300, true, false, null]);
  const length = Math.floor(random() * 4);
  if (kind < 0.6) return Array.from({ length }, () => anyJson(random, depth - 1));
  return Object.fromEntries(Array.from({ length }, () => [pick(WORDS), anyJson(random, depth - 1)]));
}

/** A good value with some of it replaced. */
function mutate(value: unknown, random: () => number): unknown {
  if (random() < 0.12) return anyJson(random, 3);
  if (Array.isArray(value)) return value.map((inner) => mutate(inner, random));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mutate(inner, random)]));
}

const call = { id: "call_1", type: "function", function: { name: "f", arguments: '{"a":"b"}' } };
const REQUESTS: readonly (readonly [string, object])[] = [
  [
    "/chat/completions",
    {
      model: "m",
      messages: [
        { role: "system", content: "Be brief." },
        {
          role: "user",
          content: [
            { type: "text", text: "Hi" },
            { type: "image_url", image_url: { url: "data:," } },
          ],
        },
        { role: "assistant", content: null, tool_calls: [call] },
        { role: "tool", tool_call_id: "call_1", content: "done" },
      ],
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
      stream: false,
    },
  ],
  ["/completions", { model: "m", prompt: ["a", "b"], n: 2 }],
  ["/responses", { model: "m", input: [{ type: "message", role: "user", content: "Hi" }], instructions: "Be brief." }],
  ["/embeddings", { model: "m", input: ["a", "b"] }],
];
const item = { id: "msg_1", type: "message", role: "assistant", content: [{ type: "output_text", text: "Hi" }] };
const CHUNKS: readonly object[] = [
  { id: "c", object: "chat.completion.chunk", choices: [{ index: 0, delta: { role: "assistant", content: "Hello" } }] },
  { choices: [{ index: 0, delta: { tool_calls: [{ index: 0, ...call }] }, finish_reason: null }] },
  {
    choices: [{ index: 0, delta: { reasoning_details: [{ text: "hm" }] }, finish_reason: "stop" }],
    usage: { prompt_tokens: 1 },
  },
  { type: "response.output_text.delta", output_index: 0, content_index: 0, item_id: "msg_1", delta: "Hi" },
  { type: "response.output_text.done", output_index: 0, content_index: 0, item_id: "msg_1", text: "Hi" },
  { type: "response.output_item.done", output_index: 0, item },
  { type: "response.completed", response: { id: "resp_1", status: "completed", output: [item], usage: {} } },
];

let random = randomFrom(1);
let upstream: FakeUpstream;
let gateway: TestGateway;
beforeAll(async () => {
  upstream = await fakeUpstream((request, response) => {
    const isStream = request.body.includes('"stream":true');
    const status = random() < 0.9 ? 200 : Math.floor(random() * 400) + 200;
    if (!isStream) {
      const good = {
        id: "x",
        object: "chat.completion",
        choices: [{ index: 0, message: { role: "assistant", content: "Hi" } }],
        output: [item],
      };
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(mutate(good, random)));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (let i = 0; i < 6; i++) {
      const chunk = mutate(CHUNKS[Math.floor(random() * CHUNKS.length)], random);
      response.write(`data: ${random() < 0.03 ? "{" : JSON.stringify(chunk)}\n\n`);
    }
    response.end(random() < 0.7 ? "data: [DONE]\n\n" : "");
  });
  const settings = "models: [m], retries: 0, timeoutMs: 5000, breaker: { failures: 1000 }";
  gateway = await startGateway(`upstreams:\n  - { name: fake, baseUrl: "${upstream.url}", ${settings} }\n`);
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

const seeds = Array.from({ length: 12 }, (_, i) => i + 1);

test.each(seeds)("hostile requests and answers never make it fail (seed %i)", async (seed) => {
  random = randomFrom(seed);
  for (let i = 0; i < 40; i++) {
    const [path, good] = REQUESTS[Math.floor(random() * REQUESTS.length)] as (typeof REQUESTS)[number];
    // Half of the requests are good, so that the answers have their turn.
    const body = random() < 0.5 ? good : (mutate(good, random) as object);
    const wantsStream = path !== "/embeddings" && random() < 0.5 && typeof body === "object" && body !== null;
    const reply = await gateway.post(path, JSON.stringify(wantsStream ? { ...body, stream: true } : body));
    if (reply.ok) {
      await reply.text();
      continue;
    }
    const error = await errorOf(reply);
    expect(error.status, JSON.stringify(body)).not.toBe(500);
  }
  expect(gateway.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
});
