import type { Normalise } from "../normalise/normalise.ts";
import { createFindCanary } from "./canary/find.ts";
import { createFindLeak } from "./leak.ts";
import type { FindSecrets } from "./secrets/find.ts";
import type { OutputAction, OutputCheck, OutputPolicy, OutputRequest } from "./types.ts";

/** What a check found in a text, before anybody acts on it. */
export interface Found {
  readonly check: OutputCheck;
  readonly kind: string;
  readonly action: Exclude<OutputAction, "off">;
  /** UTF-16 code units of the text; null where it was found in a decoded form. */
  readonly start: number | null;
  readonly end: number | null;
  readonly via: readonly string[];
}

/** Looks through a text with the checks that need no stage of the guard. */
export type Inspect = (text: string) => Found[];

/** What checks share between requests. */
export interface Finders {
  readonly findSecrets: FindSecrets;
  readonly normalise: Normalise;
}

/** The checks of one answer, by how much text they must see at once. */
export interface Inspection {
  /** Canary and system prompt, which can be spread over a window. */
  readonly wide: Inspect;
  /** Secrets, which have no blanks in them but for private keys. */
  readonly secrets: Inspect;
}

/** Builds the checks of one answer. What they need of the request is computed when the first text comes. */
export function createInspection(policy: OutputPolicy, request: OutputRequest, finders: Finders): Inspection {
  let checks: readonly Inspect[] | undefined;
  const { action } = policy.secrets;
  return {
    wide: (text) => {
      checks ??= wideChecks(policy, request, finders);
      return checks.flatMap((check) => check(text));
    },
    secrets: (text) =>
      action === "off"
        ? []
        : finders.findSecrets(text).map((found) => ({ check: "secrets", action, via: [], ...found })),
  };
}

function wideChecks({ canary, promptLeak }: OutputPolicy, request: OutputRequest, finders: Finders): Inspect[] {
  const checks: Inspect[] = [];
  const { action } = canary;
  if (action !== "off" && request.canary !== null) {
    const find = createFindCanary(request.canary, finders.normalise);
    checks.push((text) => find(text).map((found) => ({ check: "canary", kind: "canary", action, ...found })));
  }
  const onLeak = promptLeak.action;
  if (onLeak !== "off") {
    const find = createFindLeak(request.systemPrompt, promptLeak.minChars, finders.normalise);
    if (find !== null) {
      checks.push((text) => {
        const found = find(text);
        return found === null ? [] : [{ check: "promptLeak", kind: "system_prompt", action: onLeak, ...found }];
      });
    }
  }
  return checks;
}

/** What stands in place of something redacted. */
export function replacementOf({ kind }: Pick<Found, "kind">): string {
  return `[redacted:${kind}]`;
}
