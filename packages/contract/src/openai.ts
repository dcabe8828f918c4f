import { z } from "zod";
import { ERROR_CODES } from "./errors.ts";
import type { ApiError, ErrorCode } from "./errors.ts";

/** The body of every error below `/v1`, as clients of OpenAI read it. */
export const OpenAiError = z
  .object({
    error: z.looseObject({
      message: z.string(),
      type: z.string().meta({ description: "`invalid_request_error`, `rate_limit_error` or `server_error`." }),
      param: z.string().nullable().meta({ description: "Path of the field at fault." }),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: "OpenAiError" });
export type OpenAiError = z.infer<typeof OpenAiError>;

/** Paths that speak the OpenAI API: their errors are `OpenAiError`. */
export const isOpenAiPath = (url: string): boolean => /^\/v1(?:\/|\?|$)/.test(url);

/** Codes that clients of OpenAI know under another name. */
const OPENAI_CODES: Readonly<Partial<Record<ErrorCode, string>>> = { unauthorized: "invalid_api_key" };

/** An error as clients of OpenAI expect it. */
export function openAiError({ code, message, field }: Pick<ApiError, "code" | "message" | "field">): OpenAiError {
  const { status } = ERROR_CODES[code];
  const type = status >= 500 ? "server_error" : status === 429 ? "rate_limit_error" : "invalid_request_error";
  return { error: { message, type, param: field ?? null, code: OPENAI_CODES[code] ?? code } };
}

const model = z.string().min(1).max(256).meta({ description: "As in `GET /v1/models`; it chooses the upstream." });
const stream = z.boolean().nullish();

/** What the gateway itself reads of a request; everything else goes to the model's server as it came. */
export const ChatCompletionRequest = z
  .looseObject({ model, messages: z.array(z.looseObject({ role: z.string() })).min(1), stream })
  .meta({ id: "ChatCompletionRequest" });
export const CompletionRequest = z
  .looseObject({ model, prompt: z.union([z.string(), z.array(z.string())]), stream })
  .meta({ id: "CompletionRequest" });
export const ResponseRequest = z
  .looseObject({ model, input: z.union([z.string(), z.array(z.looseObject({}))]), stream })
  .meta({ id: "ResponseRequest" });
export const EmbeddingRequest = z
  .looseObject({ model, input: z.union([z.string(), z.array(z.string())]) })
  .meta({ id: "EmbeddingRequest" });

/** What the model's server answers, in the format of the OpenAI API. */
export const ModelReply = z.looseObject({}).meta({ id: "ModelReply" });
/** A model that can be asked for. */
export const Model = z
  .object({ id: z.string(), object: z.literal("model"), created: z.int(), owned_by: z.string() })
  .meta({ id: "Model" });
export type Model = z.infer<typeof Model>;
export const ModelList = z.object({ object: z.literal("list"), data: z.array(Model) }).meta({ id: "ModelList" });
export const ModelParams = z.object({ model });
