import type { OutputAction, OutputPolicy } from "./types.ts";

/** Arguments of all tool calls of one answer together, UTF-16 code units; longer ones are blocked. */
export const MAX_HELD = 4_194_304;
/** Places that one answer may have open at once: choices, their fields, their tool calls. */
export const MAX_PLACES = 1_024;

/** What holds where a policy says nothing of answers. Tests of the default policy file keep the two in step. */
export const DEFAULT_OUTPUT: OutputPolicy = {
  canary: { action: "off", scope: "request" },
  promptLeak: { action: "flag", minChars: 160 },
  secrets: { action: "redact" },
  toolCalls: { action: "block" },
  text: { action: "off" },
  window: 512,
};

/** Whether text of this kind of place must wait for its verdict. */
export function holdsBack(policy: OutputPolicy, kind: "text" | "tool_call"): boolean {
  const { canary, promptLeak, secrets, toolCalls, text } = policy;
  const own = kind === "text" ? text : toolCalls;
  return [canary, promptLeak, secrets, own].some(({ action }) => stops(action));
}

function stops(action: OutputAction): boolean {
  return action === "redact" || action === "block";
}
