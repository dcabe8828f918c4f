import { OPENAI_ROUTES } from "./routes/openai.ts";
import { OPERATIONS_ROUTES } from "./routes/operations.ts";
import { PISTON_ROUTES } from "./routes/piston.ts";
import { PLATFORM_ROUTES } from "./routes/platform.ts";
import { RUNS_ROUTES } from "./routes/runs.ts";
import { SANDBOXES_ROUTES } from "./routes/sandboxes.ts";
import { SCREENINGS_ROUTES } from "./routes/screenings.ts";
import type { RouteSpec } from "./routes/route.ts";

export type { RouteSpec } from "./routes/route.ts";

/** Every route, by the name that server and client know it by. */
export const ROUTES = {
  ...RUNS_ROUTES,
  ...SANDBOXES_ROUTES,
  ...SCREENINGS_ROUTES,
  ...PLATFORM_ROUTES,
  ...OPERATIONS_ROUTES,
  ...PISTON_ROUTES,
  ...OPENAI_ROUTES,
} as const satisfies Record<string, RouteSpec>;

export type RouteName = keyof typeof ROUTES;
