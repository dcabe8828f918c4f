import {
  canarySentence,
  createCanary,
  deriveCanary,
  type OutputPolicy,
  type OutputRequest,
  plantCanary,
} from "@crucible/guard";
import type { Body } from "../request/surface.ts";
import { textOf } from "../request/text.ts";
import type { Caller } from "../types.ts";
import type { ModelRequest } from "../request/read-request.ts";

/** A request whose answer is screened. */
export interface Prepared {
  /** What goes to the model: with a canary where the policy wants one and there is a system prompt to hold it. */
  readonly body: Body;
  readonly output: OutputRequest;
}

/** Whether a policy looks at answers at all. */
export function screensAnswers({ canary, promptLeak, secrets, toolCalls, text }: OutputPolicy): boolean {
  return [canary, promptLeak, secrets, toolCalls, text].some(({ action }) => action !== "off");
}

/** Plants the canary and notes what an answer must not repeat. `secret` makes the canaries of keys, and stays here. */
export function prepareOutput(
  { surface, body }: ModelRequest,
  policy: OutputPolicy,
  { keyId, signal }: Caller,
  secret: Uint8Array,
): Prepared {
  const systemPrompt = systemPromptOf(body, surface.field);
  const plain: Prepared = { body, output: { systemPrompt, canary: null, signal } };
  if (policy.canary.action === "off" || systemPrompt === "") return plain;
  const canary = policy.canary.scope === "key" && keyId !== null ? deriveCanary(secret, keyId) : createCanary();
  const planted = plant(body, surface.field, canary);
  return planted === null ? plain : { body: planted, output: { systemPrompt, canary, signal } };
}

function systemPromptOf(body: Body, field: string): string {
  const { instructions } = body;
  const asked = body[field];
  const own = (Array.isArray(asked) ? (asked as unknown[]) : []).filter((message) => {
    const role = (message as { role?: unknown } | null)?.role;
    return role === "system" || role === "developer";
  });
  return [...(typeof instructions === "string" ? [instructions] : []), textOf(own)]
    .filter((text) => text !== "")
    .join("\n");
}

function plant(body: Body, field: string, canary: string): Body | null {
  const { instructions } = body;
  if (typeof instructions === "string" && instructions !== "") {
    return { ...body, instructions: `${instructions}\n\n${canarySentence(canary)}` };
  }
  const asked = body[field];
  const planted = Array.isArray(asked) ? plantCanary(asked as unknown[], canary) : null;
  return planted === null ? null : { ...body, [field]: field === "input" ? planted.map(asInputParts) : planted };
}

/** Parts of the Responses API have types of their own. */
function asInputParts(item: unknown): unknown {
  const { content } = (item ?? {}) as { content?: unknown };
  if (!Array.isArray(content)) return item;
  const parts = (content as { type?: unknown }[]).map((part) =>
    part?.type === "text" ? { ...part, type: "input_text" } : part,
  );
  return { ...(item as object), content: parts };
}
