import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { StubSettings } from "../config/types.ts";
import { readJson } from "../request/read-json.ts";
import { createStubModel, type StubModel } from "./stub-model.ts";

/** Longest request, bytes. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** Where the stub listens. */
export interface StubAddress {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** A stub that listens, without keys: for tests, development and load. */
export interface RunningStub extends AsyncDisposable {
  /** The base URL for clients, with `/v1`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the stub over HTTP. Rejects with `ReplayFileError`, or with the system's error where it cannot listen. */
export async function serveStub(settings: StubSettings, { host, port }: StubAddress): Promise<RunningStub> {
  const stub = createStubModel(settings);
  const server = createServer((request, response) => {
    answer(stub, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, resolve);
  });
  const { address, port: taken, family } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  const name = family === "IPv6" ? `[${address}]` : address;
  return { url: `http://${name}:${taken}/v1`, close, [Symbol.asyncDispose]: close };
}

async function answer(stub: StubModel, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  const below = path.startsWith("/v1/") ? path.slice(3) : path;
  if (request.method === "GET" && below === "/models") {
    sendJson(response, 200, { object: "list", data: [{ id: "stub", object: "model", created: 0, owned_by: "stub" }] });
    return;
  }
  if (request.method !== "POST") return refuse(response, 405, "the stub takes POST");
  let body: unknown;
  try {
    body = readJson(await readAll(request));
  } catch {
    return refuse(response, 400, "the body must be JSON, and not too large");
  }
  if (typeof body !== "object" || body === null) return refuse(response, 400, "the body must be an object");
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const reply = await stub.answer(below, body as Readonly<Record<string, unknown>>, gone.signal);
  response.writeHead(reply.status, reply.headers);
  for await (const piece of reply.body) {
    if (response.destroyed) return;
    if (!response.write(piece)) await drained(response);
  }
  response.end();
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > MAX_BODY_BYTES) reject(new RangeError("too large"));
  });
  request.once("end", () => resolve(Buffer.concat(chunks)));
  request.once("error", reject);
  return await promise;
}

async function drained(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { error: { message, type: "invalid_request_error", param: null, code: "stub" } });
}
