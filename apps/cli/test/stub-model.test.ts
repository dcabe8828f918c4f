import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { crucible, start } from "./crucible.ts";

test("serves recorded conversations and echoes the rest, until a signal", async () => {
  const directory = await mkdtemp(join(tmpdir(), "crucible-stub-"));
  const replay = join(directory, "recorded.jsonl");
  const messages = [{ role: "user", content: "What is recorded?" }];
  await writeFile(replay, `${JSON.stringify({ messages, answer: "This." })}\n`);
  const stub = start(["stub-model", "--replay", replay, "--json"], { stdin: null });
  await stub.sees("\n");
  const { url } = JSON.parse(stub.seen()) as { url: string };
  const ask = async (content: string): Promise<unknown> => {
    const body = JSON.stringify({ model: "stub", messages: [{ role: "user", content }] });
    const reply = await fetch(`${url}/chat/completions`, { method: "POST", body });
    return ((await reply.json()) as { choices: { message: { content: unknown } }[] }).choices[0]?.message.content;
  };
  expect(await ask("What is recorded?")).toBe("This.");
  expect(await ask("Something else")).toBe("Something else");
  stub.kill("SIGTERM");
  expect((await stub.ended).code).toBe(0);
  await rm(directory, { recursive: true });
});

test("names the line of a recording that cannot be used", async () => {
  const directory = await mkdtemp(join(tmpdir(), "crucible-stub-"));
  const replay = join(directory, "recorded.jsonl");
  await writeFile(replay, '{"messages": [{"role": "user"}], "answer": "x"}\n{"answer": 5}\n');
  const ended = await crucible(["stub-model", "--replay", replay]);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain(`${replay}:2: `);
  await rm(directory, { recursive: true });
});
