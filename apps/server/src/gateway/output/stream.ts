import type { OutputRequest, OutputScreening, OutputVerdict } from "@crucible/guard";
import type { FilterOptions, StreamFilter } from "../answer/filter.ts";
import { refusalOf } from "../request/blocked.ts";
import type { Exchange } from "../types.ts";
import { frame } from "../wire/sse.ts";
import { createChatFilter } from "./chat-filter.ts";
import { createResponseFilter } from "./response-filter.ts";
import { recordAnswer } from "./verdict.ts";

/** What is kept of an answer for its record, UTF-16 code units. */
const MAX_KEPT = 1_048_576;

/** A filter that screens a stream, and its record. */
export interface ScreenedStream {
  readonly filter: StreamFilter;
  /** Puts the verdict on record, once, when the stream has ended in whatever way. */
  record(): Promise<void>;
}

const RANK = { allow: 0, flag: 1, redact: 2, error: 3, block: 4 } as const satisfies Record<
  OutputVerdict["decision"],
  number
>;

/** Builds the filter for the format that the client asked in. */
export function screenedFilter(
  all: Exchange,
  screening: OutputScreening,
  output: OutputRequest,
  common: Pick<FilterOptions, "secret" | "onUsage">,
): ScreenedStream {
  const { request, gateway } = all;
  const { canary, secrets, promptLeak, text, toolCalls } = screening.policy;
  const holds = [canary, secrets, promptLeak, text, toolCalls].some(
    ({ action }) => action === "redact" || action === "block",
  );
  const screen = screening.open(output);
  let worst: OutputVerdict | null = null;
  let said = "";
  const options = {
    ...common,
    screen,
    holds,
    onText: (piece: string): void => {
      if (said.length < MAX_KEPT) said += piece;
    },
  };
  const filter =
    request.surface.name === "responses"
      ? createResponseFilter({
          ...options,
          screening,
          output,
          instructions: request.body["instructions"] ?? null,
          onStop: (id) => stoppedResponse(all, id),
          onVerdict: (verdict) => {
            if (worst === null || RANK[verdict.decision] > RANK[worst.decision]) worst = verdict;
          },
        })
      : createChatFilter(options);
  return {
    filter,
    record: async () => {
      const own = screen.verdict();
      const verdict = worst !== null && RANK[worst.decision] > RANK[own.decision] ? worst : own;
      await recordAnswer(all, verdict, said).catch((error: unknown) => {
        gateway.log.error(
          { err: error, requestId: all.caller.requestId },
          "the screening of an answer is not on record",
        );
      });
    },
  };
}

/** How a stream of the Responses API ends that must not go on. */
function stoppedResponse({ request, gateway }: Exchange, id: unknown): string {
  const { head, answer } = refusalOf(request, gateway.config);
  const body = request.surface.format?.body(head, answer);
  const response = { ...body, output: [], ...(typeof id === "string" ? { id } : {}) };
  return frame(JSON.stringify({ type: "response.incomplete", response }), "response.incomplete");
}
