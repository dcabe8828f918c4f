import { mapping, oneOf, whole } from "../policy/fields.ts";
import { DEFAULT_OUTPUT } from "./policy.ts";

const ALL = ["off", "flag", "redact", "block"] as const;
/** What is spread over a text, or is all of it, cannot be replaced. */
const WHOLE = ["off", "flag", "block"] as const;

/** Builds the schema of the section `output`. */
export function outputSchema() {
  const { canary, promptLeak, secrets, toolCalls, text, window } = DEFAULT_OUTPUT;
  return mapping({
    canary: mapping({
      action: oneOf(ALL).default(canary.action),
      scope: oneOf(["request", "key"]).default(canary.scope),
    }).prefault({}),
    promptLeak: mapping({
      action: oneOf(WHOLE).default(promptLeak.action),
      minChars: whole(32, 16_384).default(promptLeak.minChars),
    }).prefault({}),
    secrets: mapping({ action: oneOf(ALL).default(secrets.action) }).prefault({}),
    toolCalls: mapping({ action: oneOf(WHOLE).default(toolCalls.action) }).prefault({}),
    text: mapping({ action: oneOf(WHOLE).default(text.action) }).prefault({}),
    window: whole(256, 65_536).default(window),
  })
    .prefault({})
    .refine((output) => output.promptLeak.minChars * 2 <= output.window, {
      path: ["promptLeak", "minChars"],
      error: "must be at most half of output.window, in which it is looked for",
    });
}
