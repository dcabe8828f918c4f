import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One revision of a model as the fake hub serves it. */
export interface FakeModel {
  /** Branches and tags, and the commit of each. */
  readonly refs: Record<string, string>;
  /** By commit. */
  readonly commits: Record<string, Record<string, Buffer>>;
  readonly gated?: false | "auto" | "manual";
  readonly licence?: string;
}

export interface SeenRequest {
  /** The CDN has another origin, as large files have at real hubs. */
  readonly at: "hub" | "cdn";
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
}

type Answer = (at: "hub" | "cdn", request: IncomingMessage, response: ServerResponse) => boolean;

/** A server that behaves like a Hugging Face hub, and a second one that holds its large files. */
export interface FakeHub extends AsyncDisposable {
  readonly endpoint: string;
  readonly models: Map<string, FakeModel>;
  /** Old name to new. */
  readonly moved: Map<string, string>;
  /** With a token here, nothing is answered without it. */
  token: string | null;
  readonly requests: SeenRequest[];
  /** Asked first; true when it has answered. */
  answer: Answer | null;
  /** Entries per page of a listing. */
  pageSize: number;
}

/** Files from this size on are "large": named by SHA-256, and served by the CDN. */
const LARGE_BYTES = 1000;

export const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
const gitSha1 = (bytes: Buffer): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

export const COMMIT_A = "a".repeat(40);
export const COMMIT_B = "b".repeat(40);

/** A model that the guard could load, but for its weights, which are random. */
export function someFiles(weightBytes = 300_000): Record<string, Buffer> {
  return {
    ".gitattributes": Buffer.from("*.onnx filter=lfs\n"),
    "README.md": Buffer.from("---\nlicense: apache-2.0\n---\n# A model\n"),
    "config.json": Buffer.from('{"id2label": {"0": "SAFE", "1": "INJECTION"}}'),
    "model.safetensors": randomBytes(5000),
    "onnx/model.onnx": randomBytes(weightBytes),
    "onnx/model_quantized.onnx": randomBytes(2000),
    "tokenizer.json": Buffer.from(JSON.stringify({ vocab: "x".repeat(1500) })),
    "tokenizer_config.json": Buffer.from("{}"),
  };
}

export const aModel = (files = someFiles()): FakeModel => ({
  refs: { main: COMMIT_A },
  commits: { [COMMIT_A]: files },
  licence: "apache-2.0",
});

export async function startFakeHub(): Promise<FakeHub> {
  const hub = createServer((request, response) => handle("hub", request, response));
  const cdn = createServer((request, response) => handle("cdn", request, response));
  const listen = async (server: typeof hub): Promise<string> => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const [endpoint, cdnUrl] = await Promise.all([listen(hub), listen(cdn)]);
  const state: FakeHub = {
    endpoint,
    models: new Map(),
    moved: new Map(),
    token: null,
    requests: [],
    answer: null,
    pageSize: 1000,
    async [Symbol.asyncDispose]() {
      for (const server of [hub, cdn]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };

  function handle(at: "hub" | "cdn", request: IncomingMessage, response: ServerResponse): void {
    state.requests.push({ at, url: request.url ?? "", headers: request.headers });
    if (state.answer?.(at, request, response) === true) return;
    const url = new URL(request.url ?? "", endpoint);
    if (at === "cdn") {
      sendCdn(url, request, response);
      return;
    }
    if (state.token !== null && request.headers.authorization !== `Bearer ${state.token}`) {
      refuse(response, 401, "", "Invalid username or password.");
      return;
    }
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(url.pathname);
    const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const name = api?.[1] ?? file?.[1] ?? "";
    const newName = state.moved.get(name);
    if (newName !== undefined) {
      response.writeHead(307, { location: request.url?.replace(name, newName) }).end();
      return;
    }
    const model = state.models.get(name);
    if (model === undefined) {
      refuse(response, request.headers.authorization === undefined ? 401 : 404, "RepoNotFound", "Repository not found");
      return;
    }
    const revision = decodeURIComponent(api?.[3] ?? file?.[2] ?? "");
    const commit = model.refs[revision] ?? revision;
    const files = model.commits[commit];
    if (files === undefined) refuse(response, 404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    else if (file !== null) sendFile(name, model, commit, files, file[3] ?? "", request, response);
    else if (api?.[2] === "tree") sendTree(files, url, response);
    else {
      const { gated = false, licence } = model;
      const cardData = licence === undefined ? {} : { license: licence };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ id: name, sha: commit, gated, cardData, tags: ["onnx"], siblings: [] }));
    }
  }

  function sendTree(files: Record<string, Buffer>, url: URL, response: ServerResponse): void {
    const entries = Object.entries(files).map(([path, bytes]) => ({
      type: "file",
      path,
      oid: gitSha1(bytes),
      size: bytes.length,
      ...(bytes.length >= LARGE_BYTES ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } } : {}),
    }));
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const next = from + state.pageSize;
    if (next < entries.length) {
      response.setHeader("link", `<${endpoint}${url.pathname}?recursive=true&cursor=${next}>; rel="next"`);
    }
    response.end(JSON.stringify([{ type: "directory", path: "onnx", oid: "0" }, ...entries.slice(from, next)]));
  }

  function sendFile(
    name: string,
    model: FakeModel,
    commit: string,
    files: Record<string, Buffer>,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const bytes = files[path];
    if (bytes === undefined) {
      refuse(response, 404, "EntryNotFound", "Entry not found");
      return;
    }
    if ((model.gated ?? false) !== false && request.headers.authorization === undefined) {
      refuse(response, 403, "GatedRepo", `Access to model ${name} is restricted.`);
      return;
    }
    response.setHeader("x-repo-commit", commit);
    if (bytes.length < LARGE_BYTES) {
      sendBytes(bytes, `"${gitSha1(bytes)}"`, request, response);
      return;
    }
    response.setHeader("x-linked-etag", `"${sha256(bytes)}"`);
    response.setHeader("x-linked-size", bytes.length);
    response.writeHead(302, { location: `${cdnUrl}/${sha256(bytes)}?signature=secret` }).end();
  }

  function sendCdn(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const wanted = url.pathname.slice(1);
    const all = [...state.models.values()].flatMap(({ commits }) =>
      Object.values(commits).flatMap(Object.values<Buffer>),
    );
    const bytes = all.find((content) => sha256(content) === wanted);
    if (bytes === undefined) response.writeHead(403).end();
    else sendBytes(bytes, `"cdn-${wanted.slice(0, 8)}"`, request, response);
  }

  return state;
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { ...(code === "" ? {} : { "x-error-code": code }), "x-error-message": message });
  response.end(JSON.stringify({ error: message }));
}

/** With `Range` and `If-Range`, as RFC 9110 has them. */
export function sendBytes(bytes: Buffer, etag: string, { headers }: IncomingMessage, response: ServerResponse): void {
  response.setHeader("etag", etag);
  response.setHeader("accept-ranges", "bytes");
  const from = /^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1];
  if (from === undefined || (headers["if-range"] ?? etag) !== etag) {
    response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  } else if (Number(from) >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  } else {
    const rest = bytes.subarray(Number(from));
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(206, { "content-length": rest.length, "content-range": range }).end(rest);
  }
}
