import type { z } from "zod";
import type { ErrorCode } from "../errors.ts";

/** One HTTP route: the server registers it, the client calls it, openapi.json describes it. */
export interface RouteSpec {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Fastify form: `/api/v1/runs/:id`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: "runs" | "sandboxes" | "screenings" | "platform" | "piston" | "openai" | "operations";
  /** False only for health, readiness and login. */
  readonly auth: boolean;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  /** A string is the media type of bytes. */
  readonly body?: z.ZodType | "application/octet-stream" | "application/x-tar";
  /** By status; a string is a media type without a schema. */
  readonly responses: Readonly<
    Record<
      number,
      | z.ZodType
      | "application/octet-stream"
      | "application/x-tar"
      | "text/event-stream"
      | "text/plain"
      | "text/html"
      | "application/yaml"
      | "application/json"
    >
  >;
  /** Of a `text/event-stream`: each event's data. Default: `RunEvent`. */
  readonly events?: z.ZodType;
  readonly errors: readonly ErrorCode[];
}

/** What every route that reads the database can answer. */
export const common = ["unauthorized", "internal", "database_unavailable"] as const satisfies ErrorCode[];
