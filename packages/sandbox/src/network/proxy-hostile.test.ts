import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { parseAllowList } from "./hosts.ts";
import { serveProxy, type Proxy } from "./proxy.ts";
import type { Lookup } from "./resolve.ts";

const resources: (() => unknown)[] = [];
afterEach(() => {
  for (const close of resources.splice(0)) close();
});

/** A host of the allow-list that is in league with the program: what it says is up to the test. */
async function startUpstream(onSocket: (socket: Socket) => void): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket.on("error", () => undefined));
    onSocket(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  resources.push(() => (server.close(), sockets.forEach((socket) => socket.destroy())));
  return { port: (server.address() as AddressInfo).port, sockets };
}

async function startProxy(upstreamPort: number, lookup: Lookup = async () => ["1.1.1.1"]) {
  const listening = createServer().listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo;
  const proxy: Proxy = serveProxy(listening, {
    allow: parseAllowList(["known.example:80", "known.example:443", "*.any.example:443"]),
    transferBytes: 1_000_000,
    outside: { lookup, route: () => ({ host: "127.0.0.1", port: upstreamPort }) },
  });
  resources.push(proxy.close);
  return { port, proxy };
}

async function ask(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let got = "";
  socket.setEncoding("latin1").on("data", (chunk) => (got += String(chunk)));
  socket.on("error", () => undefined);
  socket.write(text);
  await once(socket, "close");
  return got;
}
const GET = "GET http://known.example/ HTTP/1.1\r\nHost: known.example\r\n\r\n";

test.each([
  ["a status that is none", "HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n"],
  ["a status below 100", "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n"],
  ["a change of protocol", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes"],
  ["no HTTP", "\0\0\0\0\r\n\r\n"],
  ["nothing", ""],
])("a host that answers with %s costs one request, not the process", async (_what, answer) => {
  const { port: upstreamPort } = await startUpstream((socket) => socket.once("data", () => socket.end(answer)));
  const { port } = await startProxy(upstreamPort);
  expect(await ask(port, GET)).toMatch(/^HTTP\/1\.1 502 /);
});

test("requests sent ahead on one connection make no more than one connection to the outside", async () => {
  const { port: upstreamPort, sockets } = await startUpstream(() => undefined);
  const { port } = await startProxy(upstreamPort);
  await ask(port, GET.repeat(50));
  expect(sockets.length).toBeLessThanOrEqual(1);
});

test("what was being looked up when the run ended is not connected to", async () => {
  const { port: upstreamPort, sockets } = await startUpstream(() => undefined);
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<readonly string[]>();
  const { port, proxy } = await startProxy(upstreamPort, () => (asked.resolve(), answer.promise));
  const reply = ask(port, "CONNECT known.example:443 HTTP/1.1\r\nHost: a\r\n\r\n");
  await asked.promise;
  proxy.close();
  await reply;
  answer.resolve(["1.1.1.1"]);
  const probe = connect(upstreamPort, "127.0.0.1");
  await once(probe, "connect");
  // Connections come in their order: one of the proxy's would have come before this one.
  await expect.poll(() => sockets.length).toBe(1);
  expect(sockets[0]?.remotePort).toBe(probe.localPort);
  probe.destroy();
});

test("a wildcard lets a run ask for many names, and keeps a bounded number", async () => {
  const { port: upstreamPort } = await startUpstream((socket) => socket.end());
  let lookups = 0;
  const { port } = await startProxy(upstreamPort, async () => ((lookups += 1), ["10.0.0.1"]));
  for (let batch = 0; batch < 12; batch += 1) {
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        ask(port, `CONNECT n${batch}-${n}.any.example:443 HTTP/1.1\r\nHost: a\r\n\r\n`),
      ),
    );
  }
  expect(lookups).toBeLessThanOrEqual(512);
});

test("a body in chunks stays a body, whatever the method: the host sees no second request in it", async () => {
  let got = "";
  const { port: upstreamPort } = await startUpstream((socket) => {
    socket.on("data", (bytes) => {
      got += bytes.toString("latin1");
      if (got.includes("hidden")) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
  });
  const { port } = await startProxy(upstreamPort);
  const hidden = "GET /hidden HTTP/1.1\r\nHost: other.example\r\n\r\n";
  const chunked = GET.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n");
  await ask(port, `${chunked}${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`);
  expect(got).toMatch(/transfer-encoding: chunked\r\n\r\n[0-9a-f]+\r\nGET \/hidden/i);
});
