import { isUtf8 } from "node:buffer";
import Fastify, { LogController } from "fastify";
import type { FastifyInstance } from "fastify";
import { serializerCompiler } from "fastify-type-provider-zod";
import type { z } from "zod";
import { ApiError, PistonExecuteRequest } from "@crucible/contract";
import { requireKey } from "./auth.ts";
import type { HttpDeps } from "./deps.ts";
import { handleClientError, handleErrors, handleFrameworkError } from "./errors.ts";
import { createFinishWatch } from "./finish-watch.ts";
import { guardEveryRequest, requestId } from "./headers.ts";
import { createKeyCache } from "./key-cache.ts";
import { serveEvents } from "./routes/events.ts";
import { serveOperations } from "./routes/operations.ts";
import { pistonMessage } from "./piston/messages.ts";
import { servePiston } from "./routes/piston.ts";
import { servePlatform } from "./routes/platform.ts";
import { serveLogin, serveReference } from "./routes/reference.ts";
import { serveRuns } from "./routes/runs.ts";
import { serveSandboxes } from "./routes/sandboxes.ts";
import { serveScreenings } from "./routes/screenings.ts";
import { parseInput } from "./schema-errors.ts";
import type { InputPart } from "./schema-errors.ts";
import { createSessions } from "./sessions.ts";

/** Longer than any id: the schema refuses it with a message; beyond it the router answers 404. */
const MAX_PARAM_LENGTH = 512;

/** How long a caller may take to send a request: a slow one must not hold a connection for ever. Milliseconds. */
const REQUEST_TIMEOUT_MS = 120_000;

/** How long answers may take to leave once the server closes. */
const CLOSE_GRACE_MS = 2000;

/**
 * The HTTP side of the server. Opens no port: `listen` it, or `inject` requests. `close()` ends event streams and
 * waiting requests, and closes none of `deps`.
 */
export function buildApp(deps: HttpDeps): FastifyInstance {
  const { settings, metrics } = deps;
  const app = Fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: settings.bodyLimitBytes,
    genReqId: requestId,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    frameworkErrors: handleFrameworkError,
    clientErrorHandler: handleClientError,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: "idle",
    // While it closes, what still comes in is answered by the same rules (submit refuses), and its connection closed.
    return503OnClosing: false,
  }) as unknown as FastifyInstance;

  // JSON alone, and whole: a decoder would put U+FFFD where the bytes are no UTF-8, and another program would run.
  // An empty body is no body: the schema says whether one is needed.
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>("application/json", { parseAs: "buffer" }, (request, bytes, done) => {
    if (bytes.length === 0) done(null, undefined);
    else if (!isUtf8(bytes)) done(new ApiError("malformed_json", "the body must be UTF-8"), undefined);
    else void parseJson(request, bytes.toString("utf8"), done);
  });
  app.setSerializerCompiler(serializerCompiler as never);
  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => {
    const part: InputPart = httpPart === "querystring" ? "query" : httpPart === "params" ? "params" : "body";
    return (data: unknown) => {
      const parsed = parseInput(schema, data, part);
      if ("value" in parsed) return parsed;
      if (schema !== PistonExecuteRequest) return { error: parsed.error };
      const message = pistonMessage(parsed.path, parsed.issue?.code, parsed.error.message);
      return { error: new ApiError("invalid_request", message) };
    };
  });

  const keys = createKeyCache(deps.keys, settings.keyCacheMs);
  const sessions = createSessions(settings.sessionMs);
  const watch = createFinishWatch(deps.bus, deps.reader);
  app.addHook("preClose", async () => watch.close());
  app.addHook("preClose", async () => {
    // Node takes a connection that has sent nothing yet (browsers and undici open such) for a busy one, and would
    // wait 70 s for it. Streams and waiting requests end above: what is left after this has nothing to say.
    setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS).unref();
  });

  guardEveryRequest(app, settings.allowedHosts);
  requireKey(app, keys, sessions);
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "unmatched";
    metrics.httpRequest(request.method, route, reply.statusCode, reply.elapsedTime);
    request.log.info(
      { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime * 10) / 10 },
      "request",
    );
  });
  handleErrors(app);

  if (deps.api !== false) {
    serveRuns(app, deps, watch);
    serveEvents(app, deps);
    serveScreenings(app, deps);
    serveSandboxes(app, deps);
    servePlatform(app, deps);
    servePiston(app, deps, watch);
    serveReference(app, settings.version);
  }
  for (const extend of deps.extensions ?? []) extend(app);
  serveOperations(app, deps);
  serveLogin(app, keys, sessions, settings.sessionMs);
  return app;
}
