import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseAllowList } from "./hosts.ts";
import { endToEnd, plainTarget, serveProxy, type Proxy, type ProxyOptions } from "./proxy.ts";

let upstream: Server;
let seen: string[] = [];
let resources: { close(): unknown }[] = [];

beforeEach(async () => {
  seen = [];
  const server = createHttpServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
    response.setHeader("connection", "x-secret, keep-alive");
    response.setHeader("x-secret", "hop");
    request.resume().once("end", () => response.end(request.url === "/big" ? "x".repeat(100_000) : "hello"));
  });
  upstream = server.listen(0, "127.0.0.1");
  await once(upstream, "listening");
  resources = [{ close: () => (server.closeAllConnections(), server.close()) }];
});
afterEach(() => {
  for (const one of resources) one.close();
});

/** A proxy on the host's own loopback; `known.example` leads to the upstream server. */
async function startProxy(more: Partial<ProxyOptions> = {}): Promise<{ port: number; proxy: Proxy }> {
  const listening = createServer().listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo;
  const { port: upstreamPort } = upstream.address() as AddressInfo;
  const proxy = serveProxy(listening, {
    allow: parseAllowList(["known.example:443", "known.example:80", "inner.example:443", "unknown.example:443"]),
    transferBytes: 1_000_000,
    outside: {
      lookup: async (name) => (name === "known.example" ? ["1.1.1.1"] : name === "inner.example" ? ["10.0.0.1"] : []),
      route: () => ({ host: "127.0.0.1", port: upstreamPort }),
    },
    ...more,
  });
  resources.push(proxy);
  return { port, proxy };
}

async function say(port: number, text: string): Promise<{ socket: Socket; all: Promise<string> }> {
  const socket = connect(port, "127.0.0.1");
  let got = "";
  socket.setEncoding("latin1").on("data", (chunk) => (got += String(chunk)));
  socket.on("error", () => undefined);
  const all = once(socket, "close").then(() => got);
  socket.write(text);
  return { socket, all };
}

const ask = async (port: number, text: string): Promise<string> => (await say(port, text)).all;

test("a tunnel to an allowed host carries bytes both ways, and is counted", async () => {
  const { port, proxy } = await startProxy();
  const { all } = await say(
    port,
    "CONNECT known.example:443 HTTP/1.1\r\nHost: known.example:443\r\n\r\nGET /through HTTP/1.0\r\n\r\n",
  );
  expect(await all).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\nHTTP\/1\.1 200 OK[^]*hello$/);
  const [request] = proxy.log().requests;
  expect(request).toMatchObject({ host: "known.example", port: 443, allowed: true, reason: null, sentBytes: 25 });
  expect(request?.receivedBytes).toBeGreaterThan(100);
});

test.each([
  ["a host that is not in the list", "CONNECT other.example:443", 403, "not_allowed"],
  ["another port", "CONNECT known.example:22", 403, "not_allowed"],
  ["a name that leads to a private address", "CONNECT inner.example:443", 403, "reserved_address"],
  ["a name without an address", "CONNECT unknown.example:443", 502, "unknown_name"],
  ["an address", "CONNECT 127.0.0.1:443", 400, "bad_request"],
  ["an address in disguise", "CONNECT 0x7f000001:443", 400, "bad_request"],
  ["a target without a port", "CONNECT known.example", 400, "bad_request"],
  ["an https URL", "GET https://known.example/", 400, "bad_request"],
  ["a URL with credentials", "GET http://known.example@other.example/", 400, "bad_request"],
  ["a path, as to a server", "GET /", 400, "bad_request"],
])("%s is refused and recorded", async (_what, line, code, reason) => {
  const { port, proxy } = await startProxy();
  expect(await ask(port, `${line} HTTP/1.1\r\nHost: known.example\r\nConnection: close\r\n\r\n`)).toContain(
    `HTTP/1.1 ${code}`,
  );
  expect(proxy.log()).toMatchObject({ deniedCount: 1, requests: [{ allowed: false, reason }] });
  expect(seen).toEqual([]);
});

test("a plain request goes to the host of its URL, whatever its Host header says", async () => {
  const { port } = await startProxy();
  const answer = await ask(
    port,
    "POST http://KNOWN.example/a?b=1 HTTP/1.1\r\nHost: other.example\r\nProxy-Authorization: x\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nContent-Length: 3\r\n\r\nabc",
  );
  expect(answer).toMatch(/^HTTP\/1\.1 200[^]*hello/);
  expect(answer).not.toContain("x-secret: hop");
  expect(seen).toHaveLength(1);
  expect(seen[0]).toMatch(/^POST \/a\?b=1/);
  expect(seen[0]).toContain('"host":"known.example"');
  expect(seen[0]).not.toMatch(/proxy-authorization|x-mine/);
});

test("a second request on the same connection is checked as the first", async () => {
  const { port, proxy } = await startProxy();
  const first = "GET http://known.example/one HTTP/1.1\r\nHost: known.example\r\n\r\n";
  const second = "GET http://other.example/two HTTP/1.1\r\nHost: known.example\r\n\r\n";
  await ask(port, first + second);
  expect(seen.join()).not.toContain("/two");
  expect(proxy.log().requests.every(({ host, allowed }) => host !== "other.example" || !allowed)).toBe(true);
});

test("a request with both a length and chunks is not forwarded", async () => {
  const { port } = await startProxy();
  await ask(
    port,
    "POST http://known.example/ HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
  );
  expect(seen).toEqual([]);
});

test("the connection breaks where the run has transferred all that it may, and no other is made", async () => {
  const { port, proxy } = await startProxy({ transferBytes: 10_000 });
  const answer = await ask(port, "GET http://known.example/big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  expect(answer.length).toBeLessThan(20_000);
  expect(await ask(port, "CONNECT known.example:443 HTTP/1.1\r\nHost: a\r\n\r\n")).toContain("HTTP/1.1 403");
  expect(proxy.log().requests.map(({ reason }) => reason)).toEqual(["over_limit", "over_limit"]);
});

test("a host that does not answer is told apart from one that is denied", async () => {
  const { port, proxy } = await startProxy();
  for (const one of resources.splice(0, 1)) one.close();
  expect(await ask(port, "CONNECT known.example:443 HTTP/1.1\r\nHost: a\r\n\r\n")).toContain("HTTP/1.1 502");
  expect(proxy.log().requests[0]).toMatchObject({ allowed: false, reason: "unreachable" });
});

test("hundreds of refused requests are counted, and two hundred are kept", async () => {
  const { port, proxy } = await startProxy();
  const lines = "GET http://other.example/ HTTP/1.1\r\nHost: a\r\n\r\n";
  for (let sent = 0; sent < 250; sent += 1) await ask(port, lines);
  expect(proxy.log()).toMatchObject({ deniedCount: 250, allowedCount: 0 });
  expect(proxy.log().requests).toHaveLength(200);
});

test("closing ends what is open and stops listening", async () => {
  const { port, proxy } = await startProxy();
  const { socket, all } = await say(port, "CONNECT known.example:443 HTTP/1.1\r\nHost: a\r\n\r\n");
  await once(socket, "data");
  proxy.close();
  await all;
  const refused = connect(port, "127.0.0.1");
  const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNREFUSED");
});

test("headers of one hop stay behind, also those that Connection names", () => {
  expect(endToEnd({ connection: "close, X-A", "x-a": "1", te: "x", accept: "y" })).toEqual({ accept: "y" });
});

test("a plain target has the port of http unless it names one", () => {
  expect(plainTarget("http://known.example/x")?.target).toEqual({ name: "known.example", port: 80 });
  expect(plainTarget("http://known.example:8080")).toEqual({
    target: { name: "known.example", port: 8080 },
    path: "/",
  });
});
