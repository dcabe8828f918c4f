import type { EngineInfo, SandboxRequest } from "@crucible/contract";
import { chooseEngine, findLanguage, type Rules } from "./check.ts";

/**
 * The engine for a sandbox that stays: as for a run, among those that have such sandboxes, and never a weaker one
 * than a run would get.
 * @throws ApiError naming what is missing.
 */
export function engineForSandbox(request: SandboxRequest, rules: Pick<Rules, "catalog" | "knownLanguages">): string {
  if (request.language !== undefined) findLanguage(request.language, rules);
  const { engines } = rules.catalog;
  const lacks = (engine: EngineInfo): string | null => {
    if (engine.sessions !== true) return "it has no sandboxes that stay";
    return request.image === undefined || engine.images === true ? null : "it has no images to choose from";
  };
  const able = engines.map((engine) => {
    const reason = lacks(engine);
    if (reason === null) return engine;
    // What does not work at all keeps its own reason, and the way out of that.
    return { ...engine, available: false, isDefault: false, ...(engine.available ? { reason, fix: null } : {}) };
  });
  const standard = engines.find(({ isDefault }) => isDefault);
  const isolation =
    request.isolation ??
    (standard === undefined || lacks(standard) === null ? undefined : { atLeast: standard.isolation });
  return chooseEngine(isolation === undefined ? {} : { isolation }, able).engine;
}
