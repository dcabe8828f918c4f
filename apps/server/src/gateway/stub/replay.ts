import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Answer } from "../wire/answer.ts";
import { countTokens, toldBy } from "./prompt.ts";

/** One line of a recording: what was asked, and the message that answered it. */
const Recorded = z.strictObject({
  messages: z.array(z.looseObject({})).min(1),
  answer: z.union([
    z.string(),
    z.looseObject({
      content: z.string().nullish(),
      tool_calls: z
        .array(z.looseObject({ id: z.string(), function: z.looseObject({ name: z.string(), arguments: z.string() }) }))
        .optional(),
    }),
  ]),
});

/** A recording that cannot be used. */
export class ReplayFileError extends Error {
  readonly code = "invalid_replay_file";
  constructor(file: string, line: number, what: string, cause?: unknown) {
    super(`${file}:${line}: ${what}`, { cause });
    this.name = "ReplayFileError";
  }
}

/** The recorded answer to these messages, or null. */
export type Replay = (body: Readonly<Record<string, unknown>>) => Answer | null;

function keyOf(messages: unknown): string {
  return createHash("sha256").update(JSON.stringify(messages)).digest("base64");
}

/** Reads recorded conversations: JSON Lines of `{"messages": […], "answer": "text" or a message}`. @throws ReplayFileError */
export function loadReplay(file: string): Replay {
  const answers = new Map<string, Answer>();
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ReplayFileError(file, 1, `cannot be read: ${(cause as Error).message}`, cause);
  }
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw new ReplayFileError(file, index + 1, "is no JSON", cause);
    }
    const read = Recorded.safeParse(value);
    if (!read.success) {
      const { path, message } = read.error.issues[0] ?? { path: [], message: "is wrong" };
      throw new ReplayFileError(file, index + 1, `${path.join(".")} ${message}`);
    }
    answers.set(keyOf(read.data.messages), answerOf(read.data));
  }
  return (body) => answers.get(keyOf(body["messages"] ?? body["input"])) ?? null;
}

function answerOf({ messages, answer }: z.output<typeof Recorded>): Answer {
  const given = typeof answer === "string" ? { content: answer } : answer;
  const calls = (given.tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => ({
    id,
    name,
    arguments: args,
  }));
  const text = given.content ?? null;
  return {
    text,
    calls,
    finish: calls.length > 0 ? "tool_calls" : "stop",
    promptTokens: countTokens(toldBy({ messages }).all),
    completionTokens: countTokens((text ?? "") + calls.map((call) => call.arguments).join("")),
  };
}
