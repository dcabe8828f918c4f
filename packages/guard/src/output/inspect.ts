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

/** Builds the checks of one answer. What they need of the request is computed when the first text comes. */
export function createInspect(policy: OutputPolicy, request: OutputRequest, finders: Finders): Inspect {
  let checks: readonly Inspect[] | undefined;
  return (text) => {
    checks ??= checksOf(policy, request, finders);
    return checks.flatMap((check) => check(text));
  };
}

function checksOf({ canary, promptLeak, secrets }: OutputPolicy, request: OutputRequest, finders: Finders): Inspect[] {
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
  const onSecret = secrets.action;
  if (onSecret !== "off") {
    checks.push((text) =>
      finders.findSecrets(text).map((found) => ({ check: "secrets", action: onSecret, via: [], ...found })),
    );
  }
  return checks;
}

/** What stands in place of something redacted. */
export function replacementOf({ kind }: Pick<Found, "kind">): string {
  return `[redacted:${kind}]`;
}
