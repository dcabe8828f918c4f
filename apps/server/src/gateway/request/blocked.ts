import { randomUUID } from "node:crypto";
import type { GuardDescription, Policy, Verdict } from "@crucible/guard";
import type { GatewayConfig } from "../config/types.ts";
import type { Answer, AnswerHead } from "../wire/answer.ts";
import type { ModelRequest } from "./read-request.ts";

/** What else the body of a block says. */
export interface BlockContext {
  readonly policy: Policy;
  readonly description: GuardDescription;
  readonly requestId: string;
  readonly screeningId: string;
}

/**
 * The body of a block: what clients of OpenAI read, what clients of Azure OpenAI read (`innererror`), and why, without
 * a word of the prompt.
 */
export function blockedBody({ surface }: ModelRequest, verdict: Verdict, context: BlockContext): object {
  const { policy, description, requestId, screeningId } = context;
  return {
    error: {
      message:
        "The prompt was blocked: the guard of this server takes it for an attempt to override or extract a model's instructions.",
      type: "invalid_request_error",
      param: surface.field,
      code: "content_filter",
      innererror: {
        code: "ResponsibleAIPolicyViolation",
        content_filter_result: { jailbreak: { filtered: true, detected: true } },
      },
      details: {
        stage: verdict.stage,
        detector: description.stages.find(({ name }) => name === verdict.stage)?.version ?? null,
        score: verdict.probability,
        threshold: policy.stages.find(({ name }) => name === verdict.stage)?.blockAtOrAbove ?? null,
        request_id: requestId,
        screening_id: screeningId,
      },
    },
  };
}

/** A refusal that looks like an answer: the text, and the head that its format needs. */
export function refusalOf(
  { body, model }: ModelRequest,
  { refusal }: GatewayConfig,
): { head: AnswerHead; answer: Answer } {
  const { n, stream_options: options } = body;
  return {
    head: {
      id: randomUUID().replaceAll("-", ""),
      createdAt: Math.floor(Date.now() / 1000),
      model,
      choices: typeof n === "number" && Number.isInteger(n) && n >= 1 && n <= 128 ? n : 1,
      includeUsage: (options as { include_usage?: unknown } | null | undefined)?.include_usage === true,
    },
    answer: { text: refusal, calls: [], finish: "content_filter", promptTokens: 0, completionTokens: 0 },
  };
}
