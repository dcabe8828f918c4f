import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { FastifyInstance } from "fastify";
import { ApiError } from "@crucible/contract";

/** On every reply; pages of ours replace the content security policy by one that allows their own style and script. */
export const SECURITY_HEADERS = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
} as const;

/** The caller's request id when it is sane (so that logs of both sides meet), else a new one. */
export function requestId(request: Pick<IncomingMessage, "headers">): string {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && /^[\w.:-]{1,128}$/.test(given) ? given : `req_${randomUUID()}`;
}

/** The host in a Host header, without port and brackets, in lower case; null when it is none. */
function hostName(header: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/@\s]+))(?::\d+)?$/i.exec(header ?? "");
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null;
}

/**
 * DNS rebinding needs a name that the attacker owns in the Host header: on a loopback bind only `localhost`, its
 * subdomains, IP addresses and the names in `allowed` pass. Null allows any host.
 */
export function isHostAllowed(header: string | undefined, allowed: readonly string[] | null): boolean {
  if (allowed === null) return true;
  const host = hostName(header);
  if (host === null) return false;
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    isIP(host) !== 0 ||
    allowed.some((name) => name.toLowerCase() === host)
  );
}

/** Sets the headers of every reply, and refuses foreign hosts before anything else is looked at. */
export function guardEveryRequest(app: FastifyInstance, allowedHosts: readonly string[] | null): void {
  app.addHook("onRequest", async (request, reply) => {
    reply.headers(SECURITY_HEADERS).header("x-request-id", request.id);
    if (!isHostAllowed(request.headers.host, allowedHosts)) {
      throw new ApiError(
        "host_not_allowed",
        "this Host is not served here; the operator can allow it with CRUCIBLE_ALLOWED_HOSTS",
      );
    }
  });
}
