import { EngineList, LanguageList } from "../platform.ts";
import { SelfcheckProgress, SelfcheckReport, SelfcheckRequest } from "../selfcheck.ts";
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
  startSelfcheck: {
    method: "POST",
    path: "/api/v1/selfcheck",
    tag: "platform",
    auth: true,
    summary: "Start a self-check of this server's host in the background; `Location` says where its progress is",
    body: SelfcheckRequest,
    responses: { 202: SelfcheckProgress },
    errors: [
      "unauthorized",
      "internal",
      "invalid_request",
      "malformed_json",
      "payload_too_large",
      "unsupported_media_type",
      "selfcheck_running",
      "engine_unavailable",
      "shutting_down",
    ],
  },
  getSelfcheckProgress: {
    method: "GET",
    path: "/api/v1/selfcheck/progress",
    tag: "platform",
    auth: true,
    summary: "How far the self-check is that this process started last",
    responses: { 200: SelfcheckProgress },
    errors: ["unauthorized", "internal", "engine_unavailable"],
  },
} as const satisfies Record<string, RouteSpec>;
