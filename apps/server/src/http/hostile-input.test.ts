import { connect } from "node:net";
import { text } from "node:stream/consumers";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { ErrorBody } from "@crucible/contract";
import type { FastifyInstance, InjectOptions } from "fastify";
import { buildApp } from "./app.ts";
import type { HttpSettings } from "./deps.ts";
import { TEST_KEY, memoryDeps } from "./testing/fakes.ts";

const apps: FastifyInstance[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

function start(settings: Partial<HttpSettings> = {}) {
  const parts = memoryDeps(settings);
  const app = buildApp(parts.deps);
  apps.push(app);
  return { ...parts, app };
}

const KEY = { authorization: `Bearer ${TEST_KEY}` };
const JSON_TYPE = { "content-type": "application/json" };
const OK = { language: "python", code: "1" };
const file = (change: object): object => ({ language: "python", files: [{ path: "a.py", content: "", ...change }] });

type Case = [name: string, body: unknown, field: string | undefined, message: string];
const BAD_RUNS: Case[] = [
  ["null", null, undefined, "the body must be an object"],
  ["a number", 5, undefined, "the body must be an object"],
  ["an array", [OK], undefined, "the body must be an object"],
  ["no language", { code: "1" }, "language", "`language` is required and must be a string"],
  ["a number as language", { ...OK, language: 5 }, "language", "`language` must be a string"],
  ["an empty language", { ...OK, language: "" }, "language", "`language` must be at least 1 character long"],
  ["neither code nor files", { language: "python" }, "code", "`code` or `files` must be given, and only one of them"],
  [
    "both code and files",
    { ...OK, files: [{ path: "a", content: "" }] },
    "code",
    "`code` or `files` must be given, and only one of them",
  ],
  ["no file", { language: "python", files: [] }, "files", "`files` must be at least 1 item long"],
  ["a file that is no object", { language: "python", files: ["x"] }, "files[0]", "`files[0]` must be an object"],
  [
    "a file without path",
    file({ path: undefined }),
    "files[0].path",
    "`files[0].path` is required and must be a string",
  ],
  ["an empty path", file({ path: "" }), "files[0].path", "`files[0].path` must be at least 1 character long"],
  [
    "a path without end",
    file({ path: "x".repeat(256) }),
    "files[0].path",
    "`files[0].path` must be at most 255 characters long",
  ],
  [
    "an unknown encoding",
    file({ encoding: "hex" }),
    "files[0].encoding",
    "`files[0].encoding` must be one of `utf8`, `base64`",
  ],
  [
    "an unknown file field",
    file({ mode: 7 }),
    "files[0].mode",
    "`files[0].mode` is not a known field; known here: `path`, `content`, `encoding`",
  ],
  [
    "a misspelt field",
    { ...OK, langauge: "x" },
    "langauge",
    "`langauge` is not a known field; known here: `language`, `code`",
  ],
  ["arguments that are no array", { ...OK, args: "-x" }, "args", "`args` must be an array"],
  ["NUL in an argument", { ...OK, args: ["a", "b\0"] }, "args[1]", "`args[1]` must not hold NUL"],
  [
    "a bad variable name",
    { ...OK, env: { "1A": "x" } },
    'env["1A"]',
    '`env["1A"]` has a name that must be a shell variable name',
  ],
  ["a number as variable", { ...OK, env: { A: 1 } }, "env.A", "`env.A` must be a string"],
  [
    "an unknown limit",
    { ...OK, limits: { memory: 1 } },
    "limits.memory",
    "`limits.memory` is not a known field; known here: `wallTimeMs`",
  ],
  [
    "half a byte",
    { ...OK, limits: { memoryBytes: 0.5 } },
    "limits.memoryBytes",
    "`limits.memoryBytes` must be a whole number",
  ],
  ["a negative limit", { ...OK, limits: { pids: -1 } }, "limits.pids", "`limits.pids` must be at least 1"],
  ["no processor", { ...OK, limits: { cpus: 0 } }, "limits.cpus", "`limits.cpus` must be more than 0"],
  [
    "text as limit",
    { ...OK, limits: { wallTimeMs: "10" } },
    "limits.wallTimeMs",
    "`limits.wallTimeMs` must be a number",
  ],
  [
    "an unknown level",
    { ...OK, isolation: { atLeast: "strong" } },
    "isolation.atLeast",
    "`isolation.atLeast` must be one of `none`, `wasm`",
  ],
  ["artifacts as text", { ...OK, artifacts: "out" }, "artifacts", "`artifacts` must be true or false"],
  [
    "no artifacts at most",
    { ...OK, artifacts: { files: 0 } },
    "artifacts.files",
    "`artifacts.files` must be at least 1",
  ],
  [
    "too many artifacts",
    { ...OK, artifacts: { totalBytes: 1e12 } },
    "artifacts.totalBytes",
    "`artifacts.totalBytes` must be at most 8388608",
  ],
  ["isolation as text", { ...OK, isolation: "gvisor" }, "isolation", "`isolation` must be an object"],
  [
    "an engine and a level",
    { ...OK, isolation: { engine: "bubblewrap", atLeast: "namespace" } },
    "isolation",
    "`isolation` must have exactly one of `engine`, `atLeast`",
  ],
  [
    "isolation of no kind",
    { ...OK, isolation: {} },
    "isolation",
    "`isolation` must have exactly one of `engine`, `atLeast`",
  ],
  [
    "an engine and a misspelt field",
    { ...OK, isolation: { engine: "bubblewrap", atleast: "namespace" } },
    "isolation.atleast",
    "`isolation.atleast` is not a known field",
  ],
  [
    "a label without a name",
    { ...OK, labels: { "": "x" } },
    'labels[""]',
    '`labels[""]` has a name that must be at least 1 character long',
  ],
  ["a priority out of range", { ...OK, priority: 101 }, "priority", "`priority` must be at most 100"],
  ["a label that is no text", { ...OK, labels: { a: null } }, "labels.a", "`labels.a` must be a string"],
  [
    "unknown input encoding",
    { ...OK, stdinEncoding: "utf-16" },
    "stdinEncoding",
    "`stdinEncoding` must be one of `utf8`, `base64`",
  ],
];

describe("a bad run", () => {
  it.each(BAD_RUNS)("%s: 400 with the field and what would be right", async (_, body, field, message) => {
    const { app, runs } = start();
    const reply = await app.inject({
      method: "POST",
      url: "/api/v1/runs",
      headers: { ...KEY, ...JSON_TYPE },
      payload: JSON.stringify(body),
    });
    expect(reply.statusCode).toBe(400);
    const { error } = ErrorBody.parse(reply.json());
    expect(error.code).toBe("invalid_request");
    expect(error.field).toBe(field);
    expect(error.message).toContain(message);
    expect(runs.requests).toEqual([]);
  });

  it("in a batch is named by its place, and nothing of the batch is accepted", async () => {
    const { app, runs } = start();
    const payload = { runs: [OK, { ...OK, limits: { pids: 0 } }] };
    const reply = await app.inject({ method: "POST", url: "/api/v1/runs/batch", headers: KEY, payload });
    expect(reply.json().error).toMatchObject({ code: "invalid_request", field: "runs[1].limits.pids" });
    expect(runs.requests).toEqual([]);
  });
});

const raw = (payload: string, headers: Record<string, string> = JSON_TYPE): InjectOptions => ({
  method: "POST",
  url: "/api/v1/runs",
  headers: { ...KEY, ...headers },
  payload,
});
type RawCase = [name: string, request: InjectOptions, status: number, code: string, field?: string];
const BAD_REQUESTS: RawCase[] = [
  ["half a body", raw('{"language":'), 400, "malformed_json"],
  ["two values", raw("{}{}"), 400, "malformed_json"],
  ["a byte order of another kind", raw("\u0000\u0001"), 400, "malformed_json"],
  ["NaN", raw('{"priority":NaN}'), 400, "malformed_json"],
  ["no body", raw(""), 400, "invalid_request"],
  [
    "bytes that are no UTF-8",
    { ...raw(""), payload: Buffer.from('{"language":"python","code":"\xff"}', "latin1") },
    400,
    "malformed_json",
  ],
  ["__proto__", raw('{"language":"python","code":"1","__proto__":{"admin":true}}'), 400, "malformed_json"],
  [
    "a nested __proto__",
    raw('{"language":"python","code":"1","labels":{"__proto__":{"x":"y"}}}'),
    400,
    "malformed_json",
  ],
  ["an escaped __proto__", raw('{"language":"python","code":"1","\\u005f_proto__":{"x":1}}'), 400, "malformed_json"],
  [
    "constructor.prototype",
    raw('{"language":"python","code":"1","constructor":{"prototype":{"x":1}}}'),
    400,
    "malformed_json",
  ],
  [
    "infinity as a limit",
    raw('{"language":"python","code":"1","limits":{"pids":1e999}}'),
    400,
    "invalid_request",
    "limits.pids",
  ],
  [
    "deep nesting",
    raw(`{"language":"python","code":"1","labels":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`),
    400,
    "invalid_request",
    "labels.a",
  ],
  ["deep arrays", raw(`${"[".repeat(100_000)}${"]".repeat(100_000)}`), 400, "invalid_request"],
  ["text/plain", raw("{}", { "content-type": "text/plain" }), 415, "unsupported_media_type"],
  ["a form", raw("a=b", { "content-type": "application/x-www-form-urlencoded" }), 415, "unsupported_media_type"],
  ["no type", raw("{}", { "content-type": "" }), 415, "unsupported_media_type"],
  ["a type of its own", raw("{}", { "content-type": "application/json-patch+json" }), 415, "unsupported_media_type"],
  [
    "an unknown query field",
    { method: "POST", url: "/api/v1/runs?wiat=true", headers: KEY, payload: OK },
    400,
    "invalid_request",
    "wiat",
  ],
  [
    "wait=maybe",
    { method: "POST", url: "/api/v1/runs?wait=maybe", headers: KEY, payload: OK },
    400,
    "invalid_request",
    "wait",
  ],
  [
    "wait twice",
    { method: "POST", url: "/api/v1/runs?wait=true&wait=false", headers: KEY, payload: OK },
    400,
    "invalid_request",
    "wait",
  ],
  ["a page of none", { url: "/api/v1/runs?limit=0", headers: KEY }, 400, "invalid_request", "limit"],
  ["a page too large", { url: "/api/v1/runs?limit=201", headers: KEY }, 400, "invalid_request", "limit"],
  ["a label filter without =", { url: "/api/v1/runs?label=x", headers: KEY }, 400, "invalid_request", "label"],
  [
    "a date that is none",
    { url: "/api/v1/runs?createdAfter=yesterday", headers: KEY },
    400,
    "invalid_request",
    "createdAfter",
  ],
  ["an id that is none", { url: "/api/v1/runs/run_1", headers: KEY }, 400, "invalid_request", "id"],
  [
    "an id with SQL",
    { url: `/api/v1/runs/${encodeURIComponent("run_' or 1=1 --")}`, headers: KEY },
    400,
    "invalid_request",
    "id",
  ],
  ["an id with dots", { url: "/api/v1/runs/..%2f..%2fetc%2fpasswd", headers: KEY }, 400, "invalid_request", "id"],
  ["a very long id", { url: `/api/v1/runs/${"x".repeat(5000)}`, headers: KEY }, 404, "not_found"],
  ["a path that is no URL", { url: "/api/v1/runs/%zz", headers: KEY }, 400, "invalid_request"],
  ["an unknown route", { url: "/api/v1/nothing", headers: KEY }, 404, "not_found"],
  ["a trailing slash", { url: "/api/v1/runs/", headers: KEY }, 400, "invalid_request", "id"],
];

describe("a bad request", () => {
  it.each(BAD_REQUESTS)("%s", async (_, request, status, code, field) => {
    const { app, runs } = start();
    const reply = await app.inject(request);
    const { error } = ErrorBody.parse(reply.json());
    expect([reply.statusCode, error.code, error.field]).toEqual([status, code, field]);
    expect(reply.body.length).toBeLessThan(2000);
    expect(reply.body).not.toMatch(/node_modules|\.ts:|\n\s+at /);
    expect(runs.requests).toEqual([]);
    expect(({} as Record<string, unknown>)["admin"]).toBeUndefined();
  });

  it("says of a query field that was given twice that once is enough", async () => {
    const reply = await start().app.inject({ url: "/api/v1/runs?label=a=b&label=c=d", headers: KEY });
    expect(reply.json().error).toMatchObject({ field: "label", message: "`label` must be given once" });
  });

  it.each([
    ["DELETE", "/api/v1/runs", "GET, HEAD, POST"],
    ["PUT", "/api/v1/runs/run_00000000000000000000000001", "GET, HEAD"],
    ["GET", "/api/v1/runs/run_00000000000000000000000001/cancel", "POST"],
    ["HEAD", "/api/v1/runs/run_00000000000000000000000001/events", "GET"],
    ["POST", "/api/v1/languages", "GET, HEAD"],
    ["OPTIONS", "/api/v1/runs", "GET, HEAD, POST"],
  ] as const)("%s %s: 405 with what is allowed", async (method, url, allowed) => {
    const reply = await start().app.inject({ method, url, headers: KEY });
    expect(reply.statusCode).toBe(405);
    expect(String(reply.headers["allow"]).split(", ").sort().join(", ")).toBe(allowed);
    expect(reply.body === "" ? method : reply.json().error.code).toBe(
      method === "HEAD" ? "HEAD" : "method_not_allowed",
    );
  });
});

describe("size", () => {
  it("refuses a body over the limit with 413, said or unsaid", async () => {
    const { app, runs } = start({ bodyLimitBytes: 1000 });
    const payload = JSON.stringify({ ...OK, code: "x".repeat(2000) });
    const said = await app.inject({ method: "POST", url: "/api/v1/runs", headers: { ...KEY, ...JSON_TYPE }, payload });
    expect([said.statusCode, said.json().error.code]).toEqual([413, "payload_too_large"]);
    expect(said.json().error.message).toContain("at most 1000 bytes");
    const address = await app.listen({ port: 0, host: "127.0.0.1" });
    const unsaid = await fetch(`${address}/api/v1/runs`, {
      method: "POST",
      headers: { ...KEY, ...JSON_TYPE },
      body: new Blob([payload]).stream(),
      duplex: "half",
    });
    expect(unsaid.status).toBe(413);
    expect(runs.requests).toEqual([]);
  });

  it("tells of the 413 also who reads no answer before everything is sent", async () => {
    const { app } = start({ bodyLimitBytes: 1000 });
    await app.listen({ port: 0, host: "127.0.0.1" });
    const socket = connect((app.server.address() as AddressInfo).port, "127.0.0.1");
    socket.pause();
    const size = 8 * 1024 * 1024;
    socket.write(`POST /api/v1/runs HTTP/1.1\r\nhost: localhost\r\nauthorization: ${KEY.authorization}\r\n`);
    socket.write(`content-type: application/json\r\ncontent-length: ${size}\r\nconnection: close\r\n\r\n`);
    await new Promise<void>((sent, failed) => {
      socket.on("error", failed);
      socket.write(Buffer.alloc(size, " "), () => sent());
    });
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each([
    ["files", { language: "python", files: Array(1_000_000).fill(0) }, "files", 256],
    ["arguments", { ...OK, args: Array(1_000_000).fill(0) }, "args", 256],
    ["runs of a batch", { runs: Array(1_000_000).fill(0) }, "runs", 1000],
    [
      "files of a run of a batch",
      { runs: [OK, { language: "python", files: Array(1_000_000).fill(0) }] },
      "runs[1].files",
      256,
    ],
  ])("refuses a million %s, all wrong, for their number", async (_, payload, field, most) => {
    const { app } = start();
    const url = "runs" in payload ? "/api/v1/runs/batch" : "/api/v1/runs";
    const reply = await app.inject({ method: "POST", url, headers: KEY, payload });
    expect(reply.json().error).toMatchObject({ field, message: `\`${field}\` must be at most ${most} items long` });
  });

  it("looks for one fault and not for all of them", async () => {
    const { app } = start();
    const item = {
      language: "python",
      env: Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`${index}`, "x"])),
    };
    const before = process.memoryUsage().heapUsed;
    const reply = await app.inject({
      method: "POST",
      url: "/api/v1/runs/batch",
      headers: KEY,
      payload: { runs: Array(1000).fill(item) },
    });
    expect(reply.json().error.field).toBe('runs[0].env["0"]');
    // All 250 000 faults took 235 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1024 * 1024);
  });

  it("refuses thousands of variables and labels", async () => {
    const { app } = start();
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`A${index}`, "x"]));
    for (const field of ["env", "labels"]) {
      const reply = await app.inject({
        method: "POST",
        url: "/api/v1/runs",
        headers: KEY,
        payload: { ...OK, [field]: many },
      });
      expect(reply.json().error).toMatchObject({
        code: "invalid_request",
        field,
        message: `\`${field}\` must be at most 256 entries long`,
      });
    }
  });
});

describe("what is no HTTP at all", () => {
  it.each([
    ["\x16\x03\x01 not http\r\n\r\n", 400],
    ["GET /healthz HTTP/1.1\r\n\r\n", 400],
    [
      "POST /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    [`GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`, 431],
  ])("gets an error and a closed connection, and the server goes on: %j", async (text, status) => {
    const { app } = start();
    await app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = app.server.address() as AddressInfo;
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(text));
      let received = "";
      socket.on("data", (chunk) => (received += String(chunk)));
      socket.on("close", () => resolve(received));
    });
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer.toLowerCase()).toContain("connection: close");
    expect((await app.inject({ url: "/healthz" })).statusCode).toBe(200);
  });
});
