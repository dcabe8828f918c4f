import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ApiError, ERROR_CODES, isOpenAiPath, openAiError } from "@crucible/contract";
import type { ErrorBody, ErrorCode } from "@crucible/contract";
import { SECURITY_HEADERS, requestId } from "./headers.ts";
import { sendPage } from "./html.ts";
import { loginPage } from "./login-page.ts";

/** Fastify's own complaints about a request, in our words. */
const FASTIFY_ERRORS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ["payload_too_large", "the body is larger than this server takes"],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ["unsupported_media_type", "send the body as application/json"],
  FST_ERR_CTP_INVALID_JSON_BODY: [
    "malformed_json",
    "the body must be one valid JSON value, without `__proto__` or `constructor.prototype` keys",
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ["invalid_request", "Content-Length does not match the body"],
  FST_ERR_BAD_URL: ["invalid_request", "the path is no valid URL"],
  FST_ERR_MAX_PARAM_LENGTH: ["not_found", "no such resource"],
};

/** Node's own complaints about a connection (https://nodejs.org/api/http.html#event-clienterror). */
const CLIENT_ERRORS: Readonly<Record<string, readonly [string, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "the request did not come in time"],
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", "the headers must be at most 16 KiB long"],
};

/** When trying again may help, where whoever failed does not know better. Seconds. */
const RETRY_AFTER_SECONDS: Readonly<Partial<Record<ErrorCode, number>>> = {
  queue_full: 1,
  database_unavailable: 5,
  shutting_down: 5,
  guard_unavailable: 1,
};

/** Any thrown value as an `ApiError`; what is not known to be harmless becomes `internal`, without its message. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) {
    const hidden = error.code === "internal" || error.code === "database_unavailable";
    if (!hidden) return error;
    return new ApiError(error.code, ERROR_CODES[error.code].meaning, {
      cause: error,
      ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
    });
  }
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown };
  const known = typeof code === "string" && Object.hasOwn(FASTIFY_ERRORS, code) ? FASTIFY_ERRORS[code] : undefined;
  if (known !== undefined) return new ApiError(known[0], known[1], { cause: error });
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500) {
    return new ApiError("invalid_request", "the request is not one that this server understands", { cause: error });
  }
  return new ApiError("internal", ERROR_CODES.internal.meaning, { cause: error });
}

/** Paths that speak Piston: their errors are `{ message }`. */
export const isPistonPath = (url: string): boolean => /^\/api\/v2(?:\/|\?|$)/.test(url);

/** A person's browser, on its way to a page, is shown where to log in. */
const wantsPage = ({ method, headers }: FastifyRequest): boolean =>
  method === "GET" && (headers.accept ?? "").includes("text/html");

/** Faults of this server or what is behind it; every other error is an answer to what was asked. */
const FAULTS: ReadonlySet<ErrorCode> = new Set(["internal", "database_unavailable"]);

function sendError(error: ApiError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status } = ERROR_CODES[error.code];
  if (FAULTS.has(error.code)) request.log.error({ err: error.cause ?? error, code: error.code }, "request failed");
  if (error.code === "unauthorized" && wantsPage(request) && !isPistonPath(request.url)) {
    return sendPage(
      reply.code(status).header("www-authenticate", 'Bearer realm="crucible"').serializer(String),
      loginPage(),
    );
  }
  if (error.code === "unauthorized") reply.header("www-authenticate", 'Bearer realm="crucible"');
  const retryAfter = error.retryAfterSeconds ?? RETRY_AFTER_SECONDS[error.code];
  if (retryAfter !== undefined) reply.header("retry-after", String(Math.max(1, Math.ceil(retryAfter))));
  reply.code(status).type("application/json; charset=utf-8").serializer(JSON.stringify);
  if (isPistonPath(request.url)) return reply.send({ message: error.message });
  if (isOpenAiPath(request.url)) return reply.send(openAiError(error));
  const body: ErrorBody = {
    error: {
      code: error.code,
      message: error.message,
      ...(error.field === undefined ? {} : { field: error.field }),
      docs: `/docs#error-${error.code}`,
      requestId: request.id,
    },
  };
  return reply.send(body);
}

/** How much of a body that is too large is read to no end, and for how long. */
const SWALLOWED_BYTES = 64 * 1024 * 1024;
const SWALLOWED_MS = 10_000;

/**
 * Reads on what a client still sends, within bounds. Many (Python's among them) read no answer before they have sent
 * everything: closing under them would show them a broken pipe in place of the 413.
 */
async function swallow(body: IncomingMessage): Promise<void> {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let bytes = 0;
  const timer = setTimeout(resolve, SWALLOWED_MS).unref();
  body.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > SWALLOWED_BYTES) resolve();
  });
  for (const event of ["end", "close", "error"] as const) body.once(event, () => resolve());
  if (body.readableEnded || body.destroyed) resolve();
  body.resume();
  await done;
  clearTimeout(timer);
  body.pause();
}

/** For requests that fail before any hook runs, such as a path with broken percent signs. */
export function handleFrameworkError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  reply.headers(SECURITY_HEADERS).header("x-request-id", request.id);
  sendError(toApiError(error), request, reply);
}

/** For what is no HTTP at all, is too slow, or has endless headers: there is a socket and no request. */
export function handleClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [line, message] = CLIENT_ERRORS[error.code ?? ""] ?? [
    "400 Bad Request",
    "this is not a request that HTTP/1.1 allows",
  ];
  const id = requestId({ headers: {} });
  const body: ErrorBody = {
    error: { code: "invalid_request", message, docs: "/docs#error-invalid_request", requestId: id },
  };
  const text = JSON.stringify(body);
  const headers = {
    ...SECURITY_HEADERS,
    "x-request-id": id,
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    connection: "close",
  };
  socket.end(
    `HTTP/1.1 ${line}\r\n${Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("")}\r\n${text}`,
  );
}

/** Matches paths against the patterns of registered routes, to tell 405 from 404. */
function createAllowFinder(app: FastifyInstance): (path: string) => string[] {
  const routes: { readonly method: string; readonly pattern: RegExp }[] = [];
  app.addHook("onRoute", ({ method, url }) => {
    const pattern = new RegExp(
      `^${url.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/:\w+/g, "[^/]+")}$`,
    );
    for (const one of [method].flat()) routes.push({ method: one, pattern });
  });
  return (path) => routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
}

/** The one place where errors become HTTP. Call it before routes are registered. */
export function handleErrors(app: FastifyInstance): void {
  const allowFor = createAllowFinder(app);
  app.setErrorHandler(async (error, request, reply) => {
    const known = toApiError(error);
    // One that a route threw came after all of the body, and has its own words.
    if (known.code !== "payload_too_large" || error instanceof ApiError) return sendError(known, request, reply);
    await swallow(request.raw);
    const most = `the body must be at most ${request.routeOptions.bodyLimit} bytes`;
    return sendError(new ApiError("payload_too_large", most, { cause: error }), request, reply);
  });
  app.setNotFoundHandler((request, reply) => {
    const allowed = allowFor(request.url.split("?", 1)[0] ?? "");
    if (allowed.length === 0) {
      return sendError(
        new ApiError("not_found", isPistonPath(request.url) ? "Not Found" : "no such route; /docs lists them"),
        request,
        reply,
      );
    }
    reply.header("allow", allowed.join(", "));
    return sendError(new ApiError("method_not_allowed", `this route takes ${allowed.join(", ")}`), request, reply);
  });
}
