import { createNormaliser } from "../normalise/normalise.ts";
import type { Finders } from "./inspect.ts";
import { createScreen } from "./screen.ts";
import { createFindSecrets } from "./secrets/find.ts";
import type { OutputParts, OutputScreening } from "./types.ts";
import { screenWhole } from "./whole.ts";

/** Builds the screening of answers; one for all requests of a policy. */
export function createOutputScreening(parts: OutputParts): OutputScreening {
  const finders: Finders = { findSecrets: createFindSecrets(), normalise: createNormaliser() };
  return {
    policy: parts.policy,
    open: (request) => createScreen(parts, request, finders),
    screenOutput: (choices, request) => screenWhole(choices, parts, request, finders),
  };
}
