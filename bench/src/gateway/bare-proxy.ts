import { Agent, createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * The baseline: what any gateway in Node has to do. Reads the body, parses it, sends it on as JSON over a kept
 * connection, and does the same with the answer. Argument: the upstream's port. Prints its own.
 */
const upstream = Number(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: 1024, scheduling: "lifo" });

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const again = (bytes: Buffer): Buffer => Buffer.from(JSON.stringify(JSON.parse(bytes.toString("utf8"))));
const headersFor = (body: Buffer) => ({ "content-type": "application/json", "content-length": body.length });

const server = createServer({ keepAliveTimeout: 600_000 }, (incoming, outgoing) => {
  void (async () => {
    const body = again(await readBody(incoming));
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    request({ port: upstream, host: "127.0.0.1", path: incoming.url, method: "POST", agent, headers: headersFor(body) })
      .once("response", resolve)
      .once("error", reject)
      .end(body);
    const reply = await promise;
    const answer = again(await readBody(reply));
    outgoing.writeHead(reply.statusCode ?? 502, headersFor(answer)).end(answer);
  })().catch(() => outgoing.writeHead(502).end());
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
