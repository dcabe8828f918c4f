import type { Answer, AnswerFormat, AnswerHead } from "./answer.ts";
import { piecesOf } from "./answer.ts";
import { DONE, frame } from "./sse.ts";

function usageOf({ promptTokens, completionTokens }: Answer, { choices }: AnswerHead) {
  const completion = completionTokens * choices;
  return { prompt_tokens: promptTokens, completion_tokens: completion, total_tokens: promptTokens + completion };
}

function callsOf({ calls }: Answer, withIndex: boolean) {
  return calls.map(({ id, name, arguments: args }, index) => ({
    ...(withIndex ? { index } : {}),
    id,
    type: "function",
    function: { name, arguments: args },
  }));
}

const indexes = ({ choices }: AnswerHead): number[] => Array.from({ length: choices }, (_, index) => index);

/** Chat completions: https://platform.openai.com/docs/api-reference/chat. */
export const CHAT: AnswerFormat = {
  body: (head, answer) => ({
    id: `chatcmpl-${head.id}`,
    object: "chat.completion",
    created: head.createdAt,
    model: head.model,
    choices: indexes(head).map((index) => ({
      index,
      message: {
        role: "assistant",
        content: answer.text,
        refusal: null,
        ...(answer.calls.length === 0 ? {} : { tool_calls: callsOf(answer, false) }),
      },
      logprobs: null,
      finish_reason: answer.finish,
    })),
    usage: usageOf(answer, head),
  }),
  *frames(head, answer) {
    const chunk = (choices: readonly object[], more: object = {}): string =>
      frame(
        JSON.stringify({
          id: `chatcmpl-${head.id}`,
          object: "chat.completion.chunk",
          created: head.createdAt,
          model: head.model,
          choices,
          ...more,
        }),
      );
    const each = (delta: object, finish: string | null = null) =>
      chunk(indexes(head).map((index) => ({ index, delta, logprobs: null, finish_reason: finish })));
    yield each({ role: "assistant", content: answer.text === null ? null : "" });
    for (const piece of piecesOf(answer.text ?? "")) yield each({ content: piece });
    for (const [index, call] of callsOf(answer, true).entries()) {
      const { arguments: args, name } = call.function;
      yield each({ tool_calls: [{ ...call, function: { name, arguments: "" } }] });
      const half = Math.ceil(args.length / 2);
      for (const part of [args.slice(0, half), args.slice(half)])
        yield each({ tool_calls: [{ index, function: { arguments: part } }] });
    }
    yield each({}, answer.finish);
    if (head.includeUsage) yield chunk([], { usage: usageOf(answer, head) });
    yield frame(DONE);
  },
};

/** Completions of a bare prompt: https://platform.openai.com/docs/api-reference/completions. */
export const COMPLETION: AnswerFormat = {
  body: (head, answer) => ({
    id: `cmpl-${head.id}`,
    object: "text_completion",
    created: head.createdAt,
    model: head.model,
    choices: indexes(head).map((index) => ({
      index,
      text: answer.text ?? "",
      logprobs: null,
      finish_reason: answer.finish,
    })),
    usage: usageOf(answer, head),
  }),
  *frames(head, answer) {
    const chunk = (choices: readonly object[], more: object = {}): string =>
      frame(
        JSON.stringify({
          id: `cmpl-${head.id}`,
          object: "text_completion",
          created: head.createdAt,
          model: head.model,
          choices,
          ...more,
        }),
      );
    const each = (text: string, finish: string | null = null) =>
      chunk(indexes(head).map((index) => ({ index, text, logprobs: null, finish_reason: finish })));
    for (const piece of piecesOf(answer.text ?? "")) yield each(piece);
    yield each("", answer.finish);
    if (head.includeUsage) yield chunk([], { usage: usageOf(answer, head) });
    yield frame(DONE);
  },
};
