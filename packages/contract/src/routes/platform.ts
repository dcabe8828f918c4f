import { EngineList, LanguageList } from "../platform.ts";
import { SelfcheckReport } from "../selfcheck.ts";
import { common } from "./route.ts";
import type { RouteSpec } from "./route.ts";

export const PLATFORM_ROUTES = {
  listLanguages: {
    method: "GET",
    path: "/api/v1/languages",
    tag: "platform",
    auth: true,
    summary: "Installed languages",
    responses: { 200: LanguageList },
    errors: common,
  },
  listEngines: {
    method: "GET",
    path: "/api/v1/engines",
    tag: "platform",
    auth: true,
    summary: "Engines and what each can do on this host",
    responses: { 200: EngineList },
    errors: common,
  },
  getSelfcheck: {
    method: "GET",
    path: "/api/v1/selfcheck",
    tag: "platform",
    auth: true,
    summary: "The latest report of `crucible selfcheck` in this server's data directory",
    responses: { 200: SelfcheckReport },
    errors: ["unauthorized", "internal", "not_found"],
  },
} as const satisfies Record<string, RouteSpec>;
