import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "@crucible/contract";
import type { KeyReader } from "../store/types.ts";
import { sessionIdOf } from "./sessions.ts";
import type { Sessions } from "./sessions.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** False lets a route answer without a key; anything else, and no route at all, wants one. */
    auth?: boolean;
  }
  interface FastifyRequest {
    /** Id of the key that let the request in; null where none is wanted. */
    keyId: string | null;
  }
}

/**
 * The key that a request presents: a bearer key, or on GET and HEAD the key behind a login session. A session never
 * counts for a method that changes something: no page in the browser can run code with it.
 */
function presentedKey(request: FastifyRequest, sessions: Sessions): string | null {
  const { authorization, cookie } = request.headers;
  if (authorization !== undefined) return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? null;
  if (request.method !== "GET" && request.method !== "HEAD") return null;
  const id = sessionIdOf(cookie);
  return id === null ? null : sessions.keyOf(id);
}

/** Lets nobody without a good key past, unknown routes included. Throws `unauthorized`. */
export function requireKey(app: FastifyInstance, keys: KeyReader, sessions: Sessions): void {
  app.decorateRequest("keyId", null);
  app.addHook("onRequest", async (request) => {
    if (request.routeOptions.config.auth === false) return;
    const key = presentedKey(request, sessions);
    const known = key === null ? null : await keys.verify(key);
    if (known !== null) {
      request.keyId = known.id;
      return;
    }
    throw new ApiError(
      "unauthorized",
      key === null ? "send `Authorization: Bearer <key>`" : "this server does not know that key",
    );
  });
}
