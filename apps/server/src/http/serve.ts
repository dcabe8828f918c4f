import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import { ROUTES } from "@crucible/contract";
import type { RouteName, RouteSpec } from "@crucible/contract";

type Route<N extends RouteName> = (typeof ROUTES)[N];
type Parsed<N extends RouteName, Part extends "body" | "query" | "params"> =
  Route<N> extends Readonly<Record<Part, infer Schema extends z.ZodType>> ? z.output<Schema> : undefined;
type ReplyValue<Schema> = Schema extends z.ZodType ? z.output<Schema> : never;
/** What a handler of this route may answer with. */
export type RouteReply<N extends RouteName> = ReplyValue<Route<N>["responses"][keyof Route<N>["responses"]]>;

/** A request whose parts have been parsed by the route's schemas. */
export interface Call<N extends RouteName> {
  readonly body: Parsed<N, "body">;
  readonly query: Parsed<N, "query">;
  readonly params: Parsed<N, "params">;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** A handler returns the reply's value, or the `reply` after it sent something itself. */
export type Handler<N extends RouteName> = (call: Call<N>) => Promise<RouteReply<N> | FastifyReply>;

/** What a route needs beyond the table. */
export interface ServeOptions {
  /** Default: the route's own path. */
  readonly path?: string;
  /** Larger or smaller than the server's; bytes. */
  readonly bodyLimit?: number;
}

/** Registers a route of the contract: parsed by its schemas, and its reply checked and written by them. */
export function serve<N extends RouteName>(
  app: FastifyInstance,
  name: N,
  handler: Handler<N>,
  options: ServeOptions = {},
): void {
  const route: RouteSpec = ROUTES[name];
  const statuses = Object.entries(route.responses);
  const response = Object.fromEntries(statuses.filter(([, schema]) => typeof schema !== "string"));
  const success = Number(statuses[0]?.[0] ?? 200);
  const streams = statuses.some(([, type]) => type === "text/event-stream");
  app.route({
    method: route.method,
    url: options.path ?? route.path,
    config: { auth: route.auth },
    // HEAD of a stream would never end.
    exposeHeadRoute: route.method === "GET" && !streams,
    ...(options.bodyLimit === undefined ? {} : { bodyLimit: options.bodyLimit }),
    schema: {
      // Bytes come through a parser of their own.
      ...(route.body === undefined || typeof route.body === "string" ? {} : { body: route.body }),
      ...(route.query === undefined ? {} : { querystring: route.query }),
      ...(route.params === undefined ? {} : { params: route.params }),
      ...(Object.keys(response).length === 0 ? {} : { response }),
    },
    handler: async (request, reply) => {
      reply.code(success);
      // The validator has replaced each part by what its schema made of it.
      return handler({ body: request.body, query: request.query, params: request.params, request, reply } as Call<N>);
    },
  });
}
