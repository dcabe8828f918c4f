import type { OutputAction, OutputPolicy, OutputRequest } from "./types.ts";

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

/**
 * What of a text waits for its verdict: nothing; the word that is being written, because secrets have no blanks in them;
 * or a window, over which canaries, prompts and attacks can be spread.
 */
export type Hold = "nothing" | "word" | "window";

/** What a policy makes wait in the text of an answer to this request. */
export function holdOf(policy: OutputPolicy, { canary, systemPrompt }: OutputRequest): Hold {
  const spread = [
    canary === null ? "off" : policy.canary.action,
    systemPrompt === "" ? "off" : policy.promptLeak.action,
    policy.text.action,
  ] as const;
  if (spread.some(stops)) return "window";
  return stops(policy.secrets.action) ? "word" : "nothing";
}

/** Whether the arguments of tool calls wait for their verdict. */
export function holdsCalls({ canary, promptLeak, secrets, toolCalls }: OutputPolicy): boolean {
  return [canary, promptLeak, secrets, toolCalls].some(({ action }) => stops(action));
}

function stops(action: OutputAction): boolean {
  return action === "redact" || action === "block";
}
