import { PistonError, PistonExecuteRequest, PistonExecuteResponse, PistonRuntimeList } from "../piston.ts";

import type { RouteSpec } from "./route.ts";

export const PISTON_ROUTES = {
  pistonExecute: {
    method: "POST",
    path: "/api/v2/execute",
    tag: "piston",
    auth: true,
    summary: "Run a program, Piston v2 format (also at /api/v2/piston/execute)",
    body: PistonExecuteRequest,
    responses: {
      200: PistonExecuteResponse,
      400: PistonError,
      401: PistonError,
      413: PistonError,
      415: PistonError,
      429: PistonError,
      503: PistonError,
    },
    errors: [],
  },
  pistonRuntimes: {
    method: "GET",
    path: "/api/v2/runtimes",
    tag: "piston",
    auth: true,
    summary: "Installed languages, Piston v2 format (also at /api/v2/piston/runtimes)",
    responses: { 200: PistonRuntimeList, 401: PistonError },
    errors: [],
  },
} as const satisfies Record<string, RouteSpec>;
