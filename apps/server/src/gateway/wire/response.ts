import type { Answer, AnswerFormat, AnswerHead } from "./answer.ts";
import { piecesOf } from "./answer.ts";
import { frame } from "./sse.ts";

type Item = Readonly<Record<string, unknown>>;

function messageItem(head: AnswerHead, text: string, status: "in_progress" | "completed"): Item {
  const content = status === "completed" ? [{ type: "output_text", text, annotations: [], logprobs: [] }] : [];
  return { id: `msg_${head.id}`, type: "message", role: "assistant", status, content };
}

function itemsOf(head: AnswerHead, answer: Answer): Item[] {
  const calls = answer.calls.map(({ id, name, arguments: args }) => ({
    id: `fc_${id}`,
    type: "function_call",
    call_id: id,
    name,
    arguments: args,
    status: "completed",
  }));
  return answer.text === null ? calls : [messageItem(head, answer.text, "completed"), ...calls];
}

function envelope(head: AnswerHead, answer: Answer, status: string, output: readonly Item[]) {
  const isFiltered = answer.finish === "content_filter" && status !== "in_progress";
  return {
    id: `resp_${head.id}`,
    object: "response",
    created_at: head.createdAt,
    status: isFiltered ? "incomplete" : status,
    error: null,
    incomplete_details: isFiltered ? { reason: "content_filter" } : null,
    instructions: null,
    metadata: {},
    model: head.model,
    output,
    parallel_tool_calls: true,
    temperature: null,
    tool_choice: "auto",
    tools: [],
    top_p: null,
    usage:
      status === "in_progress"
        ? null
        : {
            input_tokens: answer.promptTokens,
            input_tokens_details: { cached_tokens: 0 },
            output_tokens: answer.completionTokens,
            output_tokens_details: { reasoning_tokens: 0 },
            total_tokens: answer.promptTokens + answer.completionTokens,
          },
  };
}

/** The Responses API: https://platform.openai.com/docs/api-reference/responses. */
export const RESPONSE: AnswerFormat = {
  body: (head, answer) => envelope(head, answer, "completed", itemsOf(head, answer)),
  *frames(head, answer) {
    let number = 0;
    const event = (type: string, fields: object): string =>
      frame(JSON.stringify({ type, sequence_number: number++, ...fields }), type);
    const begun = envelope(head, answer, "in_progress", []);
    yield event("response.created", { response: begun });
    yield event("response.in_progress", { response: begun });
    for (const [output_index, item] of itemsOf(head, answer).entries()) {
      const at = { output_index, item_id: item["id"] };
      if (item["type"] === "message") {
        const text = answer.text ?? "";
        const part = { ...at, content_index: 0 };
        yield event("response.output_item.added", { output_index, item: messageItem(head, "", "in_progress") });
        yield event("response.content_part.added", {
          ...part,
          part: { type: "output_text", text: "", annotations: [] },
        });
        for (const delta of piecesOf(text)) yield event("response.output_text.delta", { ...part, delta, logprobs: [] });
        yield event("response.output_text.done", { ...part, text, logprobs: [] });
        yield event("response.content_part.done", { ...part, part: { type: "output_text", text, annotations: [] } });
      } else {
        yield event("response.output_item.added", {
          output_index,
          item: { ...item, arguments: "", status: "in_progress" },
        });
        yield event("response.function_call_arguments.delta", { ...at, delta: item["arguments"] });
        yield event("response.function_call_arguments.done", { ...at, arguments: item["arguments"] });
      }
      yield event("response.output_item.done", { output_index, item });
    }
    const done = envelope(head, answer, "completed", itemsOf(head, answer));
    yield event(`response.${done.status}`, { response: done });
  },
};
