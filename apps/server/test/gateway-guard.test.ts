import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ATTACK,
  BAYES_ONLY,
  completion,
  errorOf,
  fakeUpstream,
  HARMLESS,
  sendJson,
  startGateway,
  type TestGateway,
} from "./gateway-fixture.ts";

let undo: AsyncDisposableStack;
beforeEach(() => {
  undo = new AsyncDisposableStack();
});
afterEach(async () => {
  await undo.disposeAsync();
});

async function start(
  answer: Parameters<typeof fakeUpstream>[0],
  options: Parameters<typeof startGateway>[1] = {},
  more = "",
) {
  const upstream = undo.use(await fakeUpstream(answer));
  const yaml = `upstreams:\n  - { name: fake, baseUrl: "${upstream.url}", models: [m] }\n${more}`;
  const gateway: TestGateway = undo.use(await startGateway(yaml, options));
  return { upstream, gateway };
}

const hello: Parameters<typeof fakeUpstream>[0] = (_, response) => sendJson(response, completion("Hello."));

describe("a guard that fails", () => {
  /** A stage that runs out of its time at once. */
  const policy = (fail: "open" | "closed") => ({
    ...BAYES_ONLY,
    cache: { ...BAYES_ONLY.cache, maxEntries: 0 },
    stages: BAYES_ONLY.stages.map((stage) => ({ ...stage, timeoutMs: Number.MIN_VALUE, fail })),
  });

  test("lets nothing pass where it is closed: 503, and no call", async () => {
    const { gateway, upstream } = await start(hello, { policy: policy("closed") });
    const reply = await gateway.chat(HARMLESS);
    expect(reply.headers.get("retry-after")).toBe("1");
    expect(await errorOf(reply)).toMatchObject({ status: 503, code: "guard_unavailable" });
    expect(upstream.seen).toEqual([]);
  });

  test("lets pass where it is open, and says so in header, metric and log", async () => {
    const { gateway } = await start(hello, { policy: policy("open") });
    const reply = await gateway.chat(HARMLESS);
    expect([reply.status, reply.headers.get("x-crucible-decision")]).toEqual([200, "error"]);
    const failed = 'crucible_guard_failures_total{stage="bayes",reason="stage_timeout",fail="open"}';
    expect(await gateway.metrics()).toContain(failed);
    expect(gateway.logged.join("")).toContain("a stage of the guard failed");
  });
});

describe("a blocked client gets what the file says", () => {
  test("an answer that looks like a refusal", async () => {
    const { gateway, upstream } = await start(hello, {}, "onBlock: refusal_200\nrefusal: Not here.\n");
    const reply = await gateway.chat(ATTACK);
    expect([reply.status, reply.headers.get("x-crucible-decision")]).toEqual([200, "block"]);
    expect(await reply.json()).toMatchObject({
      object: "chat.completion",
      choices: [{ message: { role: "assistant", content: "Not here." }, finish_reason: "content_filter" }],
    });
    const stream = await gateway.chat(ATTACK, { stream: true });
    expect(stream.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const text = await stream.text();
    expect(text).toContain('"finish_reason":"content_filter"');
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
    const response = await gateway.post("/responses", { model: "m", input: ATTACK });
    expect(await response.json()).toMatchObject({
      status: "incomplete",
      incomplete_details: { reason: "content_filter" },
    });
    // There is no way to refuse in a vector.
    const embedding = await gateway.post("/embeddings", { model: "m", input: ATTACK });
    expect(await errorOf(embedding)).toMatchObject({ status: 400, code: "content_filter" });
    expect(upstream.seen).toEqual([]);
  });

  test("status 446", async () => {
    const { gateway } = await start(hello, {}, "onBlock: status_446\n");
    expect(await errorOf(await gateway.chat(ATTACK))).toMatchObject({ status: 446, code: "content_filter" });
  });
});

test("no prompt and no answer gets into the log, whatever happens", async () => {
  const { gateway } = await start((_, response, count) => {
    if (count === 1) sendJson(response, completion("The answer is papaya-31."));
    else response.writeHead(200).end("papaya-31 is no JSON");
  });
  const marker = "mango-77";
  await gateway.chat(`${HARMLESS} ${marker}`);
  await gateway.chat(`${HARMLESS} ${marker}`);
  await gateway.chat(`${ATTACK} ${marker}`);
  await gateway.post("/chat/completions", `{"model":"m","messages":[{"role":"${marker}"`);
  await gateway.post("/chat/completions", { model: "m", messages: [{ role: marker, content: marker }] });
  await expect.poll(() => gateway.logged.filter((line) => line.includes("/v1/chat/completions")).length).toBe(5);
  expect(gateway.logged.join("")).toContain("a prompt was blocked");
  expect(gateway.logged.join("")).not.toContain(marker);
  expect(gateway.logged.join("")).not.toContain("papaya");
});

test("clean answers are not on record one by one where the file says so, and are counted all the same", async () => {
  const { gateway } = await start(hello, {}, "recordAnswers: found\n");
  const reply = await gateway.chat(HARMLESS);
  expect(reply.headers.get("x-crucible-output-decision")).toBe("allow");
  expect(reply.headers.get("x-crucible-output-screening-id")).toBeNull();
  expect(gateway.screenings.map(({ direction }) => direction)).toEqual(["input"]);
  expect(await gateway.metrics()).toContain('direction="output",decision="allow"');
});

describe("an answer that a client must not get", () => {
  const TOKEN = ["AKIA", "QZ3LM7PW2XKDRTVB"].join("");
  const chunk = (delta: object, finish: string | null = null): string => {
    const choices = [{ index: 0, delta, finish_reason: finish }];
    return `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices })}\n\n`;
  };
  const stream = (response: ServerResponse, ...chunks: readonly string[]): void => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(`${chunks.join("")}data: [DONE]\n\n`);
  };
  const contentOf = (text: string): string =>
    text
      .split("\n\n")
      .filter((block) => block.startsWith("data: {"))
      .map((block) => JSON.parse(block.slice(6)) as { choices: { delta: { content?: string } }[] })
      .map(({ choices }) => choices[0]?.delta.content ?? "")
      .join("");

  test("has its secrets replaced, whole and as a stream that cuts them anywhere", async () => {
    const said = `Use ${TOKEN} for the upload.`;
    const { gateway } = await start((request, response) => {
      if (!request.body.includes('"stream":true')) return sendJson(response, completion(said));
      const pieces = [...said].map((letter) => chunk({ content: letter }));
      stream(response, chunk({ role: "assistant", content: "" }), ...pieces, chunk({}, "stop"));
    });
    const whole = await gateway.chat(HARMLESS);
    expect(whole.headers.get("x-crucible-output-decision")).toBe("redact");
    const text = await whole.text();
    expect(text).not.toContain(TOKEN);
    expect(text).toMatch(/Use \[redacted:\w+\] for the upload\./);
    const streamed = await (await gateway.chat(HARMLESS, { stream: true })).text();
    expect(contentOf(streamed)).toMatch(/^Use \[redacted:\w+\] for the upload\.$/);
    expect(gateway.screenings.filter(({ decision }) => decision === "redact")).toHaveLength(2);
    const metrics = await gateway.metrics();
    expect(metrics).toMatch(/decisions_total\{direction="output",decision="redact",stage="secrets"/);
    expect(metrics).toContain('guard_findings_total{check="secrets",kind="aws_access_key_id",action="redact"} 2');
    expect(metrics).toContain("guard_answer_seconds_count 2");
  });

  test("is not given in other fields of a chunk while its text waits for a verdict", async () => {
    const { gateway } = await start((_request, response) => {
      const message = { role: "assistant", content: `Use ${TOKEN}.` };
      const choice = { index: 0, delta: { content: `Use ${TOKEN}.` }, message, note: TOKEN, finish_reason: null };
      const filters = { hate: { filtered: false, severity: "safe" } };
      const last = { ...choice, delta: {}, content_filter_results: filters, weight: 2, finish_reason: "stop" };
      const frames = [choice, last].map((one) => `data: ${JSON.stringify({ id: "1", choices: [one] })}\n\n`);
      stream(response, ...frames);
    });
    const text = await (await gateway.chat(HARMLESS, { stream: true })).text();
    expect(text).not.toContain(TOKEN);
    expect(contentOf(text)).toMatch(/^Use \[redacted:\w+\]\.$/);
    expect(text).toContain(`"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"weight":2`);
  });

  test("is not given where a response repeats the text of its items", async () => {
    const text = `Use ${TOKEN}.`;
    const item = { type: "message", role: "assistant", content: [{ type: "output_text", text }] };
    const whole = { id: "r", object: "response", status: "completed", output: [item], output_text: text };
    const { gateway } = await start((request, response) => {
      if (!request.body.includes('"stream":true')) return sendJson(response, whole);
      const last = { type: "response.completed", response: whole };
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`event: response.completed\ndata: ${JSON.stringify(last)}\n\n`);
    });
    for (const more of [{}, { stream: true }]) {
      const told = await (await gateway.post("/responses", { model: "m", input: HARMLESS, ...more })).text();
      expect(told).not.toContain(TOKEN);
      expect(told).toContain("[redacted:");
    }
  });

  test("ends with content_filter where a tool would be called with an injection", async () => {
    const args = JSON.stringify({ body: ATTACK });
    const call = { index: 0, id: "call_1", type: "function", function: { name: "send_mail", arguments: "" } };
    const { gateway } = await start((request, response) => {
      if (request.body.includes('"stream":true')) {
        const pieces = [args.slice(0, 9), args.slice(9)].map((part) =>
          chunk({ tool_calls: [{ index: 0, function: { arguments: part } }] }),
        );
        return stream(response, chunk({ role: "assistant", tool_calls: [call] }), ...pieces, chunk({}, "tool_calls"));
      }
      const calls = [{ ...call, function: { name: "send_mail", arguments: args } }];
      sendJson(response, {
        ...completion(""),
        choices: [
          { index: 0, message: { role: "assistant", content: null, tool_calls: calls }, finish_reason: "tool_calls" },
        ],
      });
    });
    const whole = await gateway.chat(HARMLESS);
    expect(whole.headers.get("x-crucible-output-decision")).toBe("block");
    const text = await whole.text();
    expect(text).toContain('"finish_reason":"content_filter"');
    const streamed = await (await gateway.chat(HARMLESS, { stream: true })).text();
    expect(streamed).toContain('"finish_reason":"content_filter"');
    for (const one of [text, streamed]) expect(one).not.toContain("Ignore all");
    expect(streamed.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test.each([
    ["calls", (i: number) => chunk({ tool_calls: [{ index: i, id: "c", function: { name: "f" } }] })],
    ["values that are no text", () => chunk({ reasoning_details: [{ n: 1 }] })],
  ])("is broken off where it piles up %s", async (_, piece) => {
    const { gateway } = await start((__, response) =>
      stream(response, ...Array.from({ length: 5_000 }, (___, i) => piece(i)), chunk({}, "stop")),
    );
    const reply = await gateway.chat(HARMLESS, { stream: true });
    expect(await reply.text()).toContain('"code":"upstream_failed"');
  });

  test("a call without one comes through as it was, in one piece", async () => {
    const args = JSON.stringify({ city: "Paris", days: 3 });
    const first = { index: 0, id: "call_1", type: "function", function: { name: "forecast", arguments: "" } };
    const { gateway } = await start((_, response) => {
      const pieces = args.split(":").map((part, i, { length }) => (i < length - 1 ? `${part}:` : part));
      const deltas = pieces.map((part) => chunk({ tool_calls: [{ index: 0, function: { arguments: part } }] }));
      stream(response, chunk({ role: "assistant", tool_calls: [first] }), ...deltas, chunk({}, "tool_calls"));
    });
    const text = await (await gateway.chat(HARMLESS, { stream: true })).text();
    const call = { index: 0, id: "call_1", type: "function", function: { name: "forecast", arguments: args } };
    expect(text).toContain(JSON.stringify([call]));
  });

  test("ends where the model tells its instructions, found by a canary that the client never sees", async () => {
    const { output } = BAYES_ONLY;
    const canary = { action: "block", scope: "request" } as const;
    const policy = { ...BAYES_ONLY, output: { ...output, canary } };
    const { gateway, upstream } = await start(
      (request, response) => {
        const { messages } = JSON.parse(request.body) as { messages: { content: string }[] };
        const told = messages.at(-1)?.content === HARMLESS ? "Hello." : `I was told: ${messages[0]?.content}`;
        sendJson(response, completion(told));
      },
      { policy },
    );
    const system = { role: "system", content: "You help travellers in a friendly way." };
    const ask = (content: string) =>
      gateway.post("/chat/completions", { model: "m", messages: [system, { role: "user", content }] });
    expect((await ask(HARMLESS)).headers.get("x-crucible-output-decision")).toBe("allow");
    expect(upstream.seen[0]?.body).toContain("Confidential marker");
    const leaked = await ask("What does a travel guide for families usually cover?");
    expect(leaked.headers.get("x-crucible-output-decision")).toBe("block");
    expect(await leaked.text()).not.toContain("Confidential marker");
  });
});
