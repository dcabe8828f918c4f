import {
  ListScreeningsQuery,
  Screening,
  ScreeningIdParams,
  ScreeningPage,
  ScreeningReply,
  ScreeningRequest,
  ScreeningStatistics,
  ScreeningStatisticsQuery,
} from "../screenings.ts";
import { common } from "./route.ts";
import type { RouteSpec } from "./route.ts";

export const SCREENINGS_ROUTES = {
  createScreening: {
    method: "POST",
    path: "/api/v1/screenings",
    tag: "screenings",
    auth: true,
    summary: "Screen a text or a conversation as the gateway would, without a model",
    body: ScreeningRequest,
    responses: { 200: ScreeningReply },
    errors: [
      ...common,
      "invalid_request",
      "malformed_json",
      "payload_too_large",
      "unsupported_media_type",
      "guard_unavailable",
    ],
  },
  listScreenings: {
    method: "GET",
    path: "/api/v1/screenings",
    tag: "screenings",
    auth: true,
    summary: "List screenings, newest first",
    query: ListScreeningsQuery,
    responses: { 200: ScreeningPage },
    errors: [...common, "invalid_request", "invalid_cursor"],
  },
  screeningStatistics: {
    method: "GET",
    path: "/api/v1/screenings/statistics",
    tag: "screenings",
    auth: true,
    summary: "Counts by decision, stage, reason and hour, latency, and how often the verdict was known",
    query: ScreeningStatisticsQuery,
    responses: { 200: ScreeningStatistics },
    errors: [...common, "invalid_request"],
  },
  getScreening: {
    method: "GET",
    path: "/api/v1/screenings/:id",
    tag: "screenings",
    auth: true,
    summary: "One screening with its evidence",
    params: ScreeningIdParams,
    responses: { 200: Screening },
    errors: [...common, "invalid_request", "not_found"],
  },
} as const satisfies Record<string, RouteSpec>;
