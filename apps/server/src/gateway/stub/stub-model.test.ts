import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createStubModel } from "./stub-model.ts";

const PLAIN = { latencyMs: 0, answers: [], replayFile: null };
const user = (content: unknown) => [{ role: "user", content }];

async function ask(body: Record<string, unknown>, path = "/chat/completions", stub = createStubModel(PLAIN)) {
  const reply = await stub.answer(path, { model: "stub", ...body }, new AbortController().signal);
  let text = "";
  for await (const piece of reply.body) text += piece;
  return { ...reply, text, json: () => JSON.parse(text) as Record<string, unknown> };
}

describe("the stub model", () => {
  test("says what the user said last, the same bytes each time", async () => {
    const body = {
      messages: [{ role: "system", content: "Be brief." }, ...user("one"), ...user([{ type: "text", text: "two" }])],
    };
    const first = await ask(body);
    expect(first.json()).toMatchObject({ choices: [{ message: { content: "two" }, finish_reason: "stop" }] });
    expect((await ask(body)).text).toBe(first.text);
  });

  test("streams the same answer in pieces, with usage where it is wanted", async () => {
    const { text } = await ask({ messages: user("a b c"), stream: true, stream_options: { include_usage: true } });
    const chunks = text
      .split("\n\n")
      .filter((block) => block.startsWith("data: {"))
      .map((block) => JSON.parse(block.slice(6)) as { choices: { delta: { content?: string } }[]; usage?: object });
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe("a b c");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 2 } });
    expect(text.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  test("gives answers by what a prompt contains, and recorded ones", async () => {
    const directory = mkdtempSync(join(tmpdir(), "crucible-stub-"));
    const replayFile = join(directory, "recorded.jsonl");
    const call = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } };
    writeFileSync(
      replayFile,
      `${JSON.stringify({ messages: user("recorded"), answer: { content: null, tool_calls: [call] } })}\n\n`,
    );
    const stub = createStubModel({ ...PLAIN, replayFile, answers: [{ contains: "capital", text: "Paris." }] });
    rmSync(directory, { recursive: true });
    expect((await ask({ messages: user("The capital?") }, undefined, stub)).text).toContain("Paris.");
    expect((await ask({ messages: user("recorded") }, undefined, stub)).json()).toMatchObject({
      choices: [{ message: { content: null, tool_calls: [call] }, finish_reason: "tool_calls" }],
    });
  });

  test("calls a function that is ordered or insisted on", async () => {
    const tools = [{ type: "function", function: { name: "first" } }];
    const called = async (body: Record<string, unknown>) =>
      /"function":\{"name":"(\w+)"/.exec((await ask({ messages: user("x"), tools, ...body })).text)?.[1];
    expect(await called({ tool_choice: "required" })).toBe("first");
    expect(await called({ tool_choice: { type: "function", function: { name: "second" } } })).toBe("second");
    expect(await called({ model: "stub?tool=third" })).toBe("third");
    expect(await called({ tool_choice: "auto" })).toBeUndefined();
  });

  test("cuts its answer at the limit of tokens", async () => {
    const reply = (await ask({ messages: user("x".repeat(100)), max_tokens: 5 })).json();
    expect(reply).toMatchObject({ choices: [{ finish_reason: "length" }], usage: { completion_tokens: 5 } });
  });

  test("gives vectors of length 1 that depend on the text alone", async () => {
    const vectors = async (input: unknown, more = {}) =>
      (await ask({ input, dimensions: 8, ...more }, "/embeddings")).json()["data"] as {
        embedding: number[] | string;
      }[];
    const [a, b, c] = await vectors(["one", "two", "one"]);
    expect(a).not.toEqual({ ...b, index: 0 });
    expect(a?.embedding).toEqual(c?.embedding);
    expect(Math.hypot(...(a?.embedding as number[]))).toBeCloseTo(1, 5);
    const [packed] = await vectors("one", { encoding_format: "base64" });
    const bytes = Buffer.from(packed?.embedding as string, "base64");
    expect(bytes.readFloatLE(0)).toBeCloseTo((a?.embedding as number[] | undefined)?.[0] ?? 0, 6);
  });

  test("goes wrong as often as it is told", async () => {
    const stub = createStubModel(PLAIN);
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++)
      statuses.push((await ask({ model: "stub?status=503&times=2", messages: user("x") }, undefined, stub)).status);
    expect(statuses).toEqual([503, 503, 200]);
    await expect(ask({ model: "stub?break=cut&after=2", messages: user("a b c"), stream: true })).rejects.toThrow(
      "break off",
    );
  });

  test.each(["stub?colour=red", "stub?status=9999", "stub?break=leg", "stub?words=many"])(
    "does not take the order %s",
    async (model) => {
      expect((await ask({ model, messages: user("x") })).status).toBe(400);
    },
  );
});
