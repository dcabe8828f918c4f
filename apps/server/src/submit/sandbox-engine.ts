import type { SandboxRequest } from "@crucible/contract";
import { chooseEngine, findLanguage, type Rules } from "./check.ts";

/**
 * The engine for a sandbox that stays: as for a run, among those that have such sandboxes, and never a weaker one
 * than a run would get.
 * @throws ApiError naming what is missing.
 */
export function engineForSandbox(request: SandboxRequest, rules: Pick<Rules, "catalog" | "knownLanguages">): string {
  if (request.language !== undefined) findLanguage(request.language, rules);
  const { engines } = rules.catalog;
  const able = engines.map((engine) =>
    engine.sessions === true
      ? engine
      : {
          ...engine,
          available: false,
          isDefault: false,
          // What does not work at all keeps its own reason, and the way out of that.
          ...(engine.available ? { reason: "it has no sandboxes that stay", fix: null } : {}),
        },
  );
  const standard = engines.find(({ isDefault }) => isDefault);
  const isolation =
    request.isolation ?? (standard === undefined || standard.sessions ? undefined : { atLeast: standard.isolation });
  return chooseEngine(isolation === undefined ? {} : { isolation }, able).engine;
}
