import { createServer, request as httpRequest } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from "node:http";
import { connect } from "node:net";
import type { Server as NetServer, Socket } from "node:net";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isAllowed, parseTarget } from "./hosts.ts";
import type { AllowedHost, Target } from "./hosts.ts";
import { createRequestLog } from "./log.ts";
import type { Entry } from "./log.ts";
import { createPins } from "./resolve.ts";
import type { NetworkLog, Outside, RefusalReason } from "./types.ts";

export interface ProxyOptions {
  readonly allow: readonly AllowedHost[];
  /** Both directions of all requests together, bytes. */
  readonly transferBytes: number;
  readonly outside: Outside;
}

/** A forward proxy for one run. */
export interface Proxy {
  log(): NetworkLog;
  /** Ends every connection. */
  close(): void;
}

const MAX_CONNECTIONS = 64;
const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 60_000;
const HEADERS_TIMEOUT_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;

/** RFC 9110, section 7.6.1, and what is meant for the proxy alone. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

const STATUS: Readonly<Record<RefusalReason, readonly [code: number, text: string]>> = {
  bad_request: [400, "the proxy takes CONNECT name:port, and http:// requests"],
  not_allowed: [403, "not in this run's allow-list"],
  reserved_address: [403, "the name leads to a private, loopback, link-local or reserved address"],
  unknown_name: [502, "the name has no address"],
  unreachable: [502, "the address does not answer"],
  over_limit: [403, "this run has transferred all that it may"],
};

/** Headers of one hop; what `Connection` names goes too. */
export function endToEnd(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = String(headers.connection ?? "")
    .toLowerCase()
    .split(",")
    .map((name) => name.trim());
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && !named.includes(name)));
}

/** The target of `GET http://name[:port]/path`; null where it is no such request or carries credentials. */
export function plainTarget(url: string): { target: Target; path: string } | null {
  if (!/^http:\/\//i.test(url) || !URL.canParse(url)) return null;
  const { hostname, port, username, password, pathname, search } = new URL(url);
  if (username !== "" || password !== "") return null;
  const target = parseTarget(`${hostname}:${port === "" ? "80" : port}`);
  return target === null ? null : { target, path: pathname + search };
}

/**
 * Serves one run's requests on a socket that listens inside its sandbox. Everything that comes is hostile: names
 * are checked before they are looked up, addresses before they are connected to, and nothing is kept of a body.
 */
export function serveProxy(listening: NetServer, options: ProxyOptions): Proxy {
  const log = createRequestLog();
  const pin = createPins(options.outside.lookup);
  const sockets = new Set<Socket>();
  let transferred = 0;
  let isClosed = false;

  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
    socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy());
  };

  /** Counts what passes, and breaks the connection at the limit. */
  const meter = (entry: Entry, field: "sentBytes" | "receivedBytes"): Transform =>
    new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        transferred += chunk.length;
        entry[field] += chunk.length;
        if (transferred <= options.transferBytes) return done(null, chunk);
        entry.refuse("over_limit");
        done(new Error("transfer limit"));
      },
    });

  /** Where to connect to, or why not. */
  const admit = async (target: Target | null): Promise<{ host: string; port: number } | RefusalReason> => {
    if (target === null) return "bad_request";
    if (!isAllowed(target, options.allow)) return "not_allowed";
    if (transferred >= options.transferBytes) return "over_limit";
    const pinned = await pin(target.name);
    // The run may have ended meanwhile: nothing is connected to after that.
    if (isClosed) return "unreachable";
    if (pinned.kind === "refused") return pinned.reason;
    return options.outside.route?.(pinned.address, target.port) ?? { host: pinned.address, port: target.port };
  };

  const onConnect = async (request: IncomingMessage, client: Socket, head: Buffer): Promise<void> => {
    const target = parseTarget(request.url ?? "");
    const entry = log.begin(target?.name ?? request.url ?? "", target?.port ?? null);
    const refuse = (reason: RefusalReason): void => {
      entry.refuse(reason);
      const [code, text] = STATUS[reason];
      client.end(`HTTP/1.1 ${code} Refused\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n${text}\n`);
    };
    const where = await admit(target);
    if (typeof where === "string") return refuse(where);
    const upstream = connect(where);
    keep(upstream);
    upstream.setTimeout(CONNECT_TIMEOUT_MS);
    const connected = await new Promise<boolean>((resolve) => {
      upstream.once("connect", () => resolve(true));
      upstream.once("close", () => resolve(false));
    });
    if (!connected) return refuse("unreachable");
    upstream.setTimeout(IDLE_TIMEOUT_MS);
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    if (head.length > 0) client.unshift(head);
    await Promise.allSettled([
      pipeline(client, meter(entry, "sentBytes"), upstream),
      pipeline(upstream, meter(entry, "receivedBytes"), client),
    ]);
  };

  const onRequest = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const plain = plainTarget(request.url ?? "");
    const entry = log.begin(plain?.target.name ?? request.url ?? "", plain?.target.port ?? null);
    const refuse = (reason: RefusalReason): void => {
      entry.refuse(reason);
      const [code, text] = STATUS[reason];
      if (response.headersSent) response.destroy();
      else response.writeHead(code, { "content-type": "text/plain", connection: "close" }).end(`${text}\n`);
    };
    const where = await admit(plain?.target ?? null);
    if (typeof where === "string" || plain === null) return refuse(typeof where === "string" ? where : "bad_request");
    const { target, path } = plain;
    const upstream = httpRequest({
      ...where,
      path,
      method: request.method,
      headers: {
        ...endToEnd(request.headers),
        host: target.port === 80 ? target.name : `${target.name}:${target.port}`,
        connection: "close",
        // Without it Node sends the body of a GET bare, and the host would read it as a second request.
        ...(request.headers["transfer-encoding"] === undefined ? {} : { "transfer-encoding": "chunked" }),
      },
      setHost: false,
      agent: false,
      timeout: CONNECT_TIMEOUT_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    upstream.on("socket", keep);
    upstream.once("timeout", () => upstream.destroy());
    upstream.on("error", () => refuse("unreachable"));
    // Gone without an answer: a change of protocol, say.
    upstream.once("close", () => {
      if (!response.headersSent) refuse("unreachable");
    });
    upstream.once("response", (answer) => {
      upstream.setTimeout(IDLE_TIMEOUT_MS);
      try {
        // Node reads a status of 000, and throws where one is to be written.
        response.writeHead(answer.statusCode ?? 502, { ...endToEnd(answer.headers), connection: "close" });
      } catch {
        upstream.destroy();
        return;
      }
      pipeline(answer, meter(entry, "receivedBytes"), response).catch(() => response.destroy());
    });
    pipeline(request, meter(entry, "sentBytes"), upstream).catch(() => upstream.destroy());
  };

  const server: Server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    // A long upload is bounded by the run's own time; the idle time-out ends a stalled one.
    requestTimeout: 0,
    connectionsCheckingInterval: 1_000,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("connection", keep);
  // Every answer says that it is the last. Whatever is sent ahead of it would be an upstream connection each.
  const used = new WeakSet<Socket>();
  const isFirst = (socket: Socket): boolean => {
    const first = !used.has(socket);
    used.add(socket);
    if (!first) socket.destroy();
    return first;
  };
  server.on("connect", (request, client: Socket, head) => {
    if (isFirst(client)) onConnect(request, client, head).catch(() => client.destroy());
  });
  server.on("request", (request, response) => {
    if (isFirst(request.socket)) onRequest(request, response).catch(() => response.destroy());
  });
  // An Upgrade would be a tunnel that nothing here has looked at.
  server.on("upgrade", (_request, client: Socket) => client.destroy());
  server.on("clientError", (_error, client) => client.destroy());
  server.on("error", () => undefined);
  server.listen(listening);
  return {
    log: log.snapshot,
    close: () => {
      isClosed = true;
      server.close();
      listening.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
