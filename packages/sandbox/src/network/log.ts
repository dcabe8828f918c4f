import type { NetworkLog, NetworkRequest, RefusalReason } from "./types.ts";

const MAX_LISTED = 200;
const MAX_HOST_LENGTH = 255;

/** A request that is still going on. */
export interface Entry {
  sentBytes: number;
  receivedBytes: number;
  refuse(reason: RefusalReason): void;
}

export interface RequestLog {
  begin(host: string, port: number | null): Entry;
  snapshot(): NetworkLog;
}

/** Counts everything, lists the first 200: what a program asks for must not fill our memory. */
export function createRequestLog(): RequestLog {
  const listed: { -readonly [Field in keyof NetworkRequest]: NetworkRequest[Field] }[] = [];
  let total = 0;
  let denied = 0;
  return {
    begin: (host, port) => {
      const request = {
        host: host.slice(0, MAX_HOST_LENGTH),
        port,
        allowed: true,
        reason: null as RefusalReason | null,
        sentBytes: 0,
        receivedBytes: 0,
      };
      total += 1;
      if (listed.length < MAX_LISTED) listed.push(request);
      return Object.assign(request, {
        refuse: (reason: RefusalReason) => {
          if (request.allowed) denied += 1;
          request.allowed = false;
          request.reason = reason;
        },
      });
    },
    snapshot: () => ({
      requests: listed.map(({ host, port, allowed, reason, sentBytes, receivedBytes }) => ({
        host,
        port,
        allowed,
        reason,
        sentBytes,
        receivedBytes,
      })),
      allowedCount: total - denied,
      deniedCount: denied,
    }),
  };
}
