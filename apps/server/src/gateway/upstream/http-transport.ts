import * as http from "node:http";
import * as https from "node:https";
import type { UpstreamSettings } from "../config/types.ts";
import { type Transport, type UpstreamCall, UpstreamError, type UpstreamReply } from "./types.ts";

/** What a connection may be silent before it is closed: below the 60 s of common servers. Milliseconds. */
const KEEP_ALIVE_MS = 30_000;

/** Codes of a connection that never was. */
const NO_CONNECTION = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "ETIMEDOUT",
]);

/**
 * Calls a server over HTTP/1.1 with connections that stay open. Requests are made of what is known here alone: nothing
 * of the client's URL, and of its headers only those in the call. Redirects are answers, and are not followed.
 */
export function createHttpTransport(settings: UpstreamSettings): Transport {
  const base = new URL(settings.baseUrl);
  const isTls = base.protocol === "https:";
  const { maxConnections: maxSockets } = settings;
  // The last used connection first: those that are not needed get old and are closed.
  const options = { keepAlive: true, maxSockets, maxFreeSockets: maxSockets, scheduling: "lifo" } as const;
  const agent = isTls
    ? new https.Agent({ ...options, timeout: KEEP_ALIVE_MS })
    : new http.Agent({ ...options, timeout: KEEP_ALIVE_MS });
  const request = isTls ? https.request : http.request;
  const prefix = base.pathname.replace(/\/$/, "");
  const target = {
    protocol: base.protocol,
    // Brackets of an IPv6 address belong to the URL, not to the host.
    hostname: base.hostname.replace(/^\[|\]$/g, ""),
    port: base.port === "" ? (isTls ? 443 : 80) : Number(base.port),
    method: "POST",
    agent,
    maxHeaderSize: 65_536,
  };
  const fixed = {
    ...settings.headers,
    host: base.host,
    "user-agent": "crucible",
    "content-type": "application/json",
    "accept-encoding": "identity",
    ...(settings.key === null
      ? {}
      : { [settings.keyHeader]: settings.keyHeader === "authorization" ? `Bearer ${settings.key}` : settings.key }),
  };

  const attempt = (call: UpstreamCall): Promise<UpstreamReply> => {
    const { promise, resolve, reject } = Promise.withResolvers<UpstreamReply>();
    const { signal } = call;
    const sent = request({
      ...target,
      path: prefix + call.path,
      headers: { ...call.headers, ...fixed, "content-length": Buffer.byteLength(call.json) },
    });
    const abort = (): void => {
      sent.destroy(signal.reason as Error);
    };
    signal.addEventListener("abort", abort, { once: true });
    sent.once("close", () => signal.removeEventListener("abort", abort));
    sent.once("socket", (socket) => {
      // The agent's own limit is for idle connections; how long an answer may take is said elsewhere.
      socket.setTimeout(0);
      if (!socket.connecting) return;
      const timer = setTimeout(() => {
        sent.destroy(
          new UpstreamError("connect_timeout", `no connection to ${settings.name} in ${settings.connectTimeoutMs} ms`),
        );
      }, settings.connectTimeoutMs);
      for (const event of [isTls ? "secureConnect" : "connect", "close"]) socket.once(event, () => clearTimeout(timer));
    });
    sent.on("error", (error: NodeJS.ErrnoException) => {
      if (signal.aborted) reject(signal.reason as Error);
      else reject(error instanceof UpstreamError ? error : failureOf(error, settings.name));
    });
    sent.once("response", (reply) => {
      resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: reply });
    });
    sent.end(call.json);
    return promise.catch((error: unknown) => {
      // The server closed an idle connection while the request was on its way into it: no attempt of its own.
      if (sent.reusedSocket && error instanceof UpstreamError && error.kind === "reset" && !signal.aborted) {
        return attempt(call);
      }
      throw error;
    });
  };
  return {
    send: (call) => {
      call.signal.throwIfAborted();
      return attempt(call);
    },
    close: () => agent.destroy(),
  };
}

function failureOf(error: NodeJS.ErrnoException, name: string): UpstreamError {
  const { code = "" } = error;
  const isNone = NO_CONNECTION.has(code) || /CERT|SELF_SIGNED|ALTNAME|SSL|TLS/.test(code);
  return isNone
    ? new UpstreamError("unreachable", `${name} cannot be reached: ${code}`, { cause: error })
    : new UpstreamError("reset", `${name} broke the connection: ${code}`, { cause: error });
}
