import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { FastifyInstance } from "fastify";
import { ApiError, ERROR_CODES, ErrorBody, ROUTES, Readiness } from "@crucible/contract";
import type { ErrorCode, RouteSpec } from "@crucible/contract";
import { parse as parseYaml } from "yaml";
import { buildApp } from "./app.ts";
import type { HttpDeps, HttpSettings } from "./deps.ts";
import { TEST_CATALOG, TEST_KEY, memoryDeps } from "./testing/fakes.ts";

const apps: FastifyInstance[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

function start(settings: Partial<HttpSettings> = {}, change: Partial<HttpDeps> = {}) {
  const parts = memoryDeps(settings);
  const app = buildApp({ ...parts.deps, ...change });
  apps.push(app);
  return { ...parts, app };
}

const KEY = { authorization: `Bearer ${TEST_KEY}` };
const JSON_TYPE = { "content-type": "application/json" };
const ALIASES = ["/api/v2/piston/execute", "/api/v2/piston/runtimes"];
// Those of the gateway are its own, and served only where it is.
const routes = Object.values<RouteSpec>(ROUTES).filter(({ tag }) => tag !== "openai");
const all = [
  ...routes.map(({ method, path, auth }) => ({ method, path, auth })),
  { method: "POST" as const, path: ALIASES[0]!, auth: true },
  { method: "GET" as const, path: ALIASES[1]!, auth: true },
];
const concrete = (path: string): string => path.replace(":id", "run_00000000000000000000000001");

describe("routes", () => {
  it("are those of the contract, Piston's aliases, and no other", async () => {
    const parts = memoryDeps();
    const seen = new Set<string>();
    const app = buildApp(parts.deps);
    apps.push(app);
    await app.ready();
    // A tree, indented by four characters a level; a node's path goes on where its parent's ends.
    const above: string[] = [];
    for (const line of app.printRoutes({ commonPrefix: false }).split("\n")) {
      const [, indent = "", part = "", methods = ""] = /^([│ ]*)[├└]── (\S+)(?: \(([^)]+)\))?/.exec(line) ?? [];
      if (part === "") continue;
      const level = indent.length / 4;
      above[level] = `${above[level - 1] ?? ""}${part}`;
      for (const method of methods.split(", "))
        if (!["", "HEAD"].includes(method)) seen.add(`${method} ${above[level]}`);
    }
    expect([...seen].sort()).toEqual(all.map(({ method, path }) => `${method} ${path}`).sort());
  });

  it.each(all.filter(({ auth }) => auth))("$method $path wants a key", async ({ method, path }) => {
    const { app, runs } = start();
    const tries: Record<string, string>[] = [
      {},
      { authorization: "Bearer wrong" },
      { authorization: TEST_KEY },
      { authorization: `Basic ${btoa(`x:${TEST_KEY}`)}` },
      { authorization: `Bearer ${TEST_KEY} extra` },
      { authorization: "Bearer " },
      { cookie: `crucible_session=${TEST_KEY}` },
    ];
    for (const headers of tries) {
      const reply = await app.inject({
        method,
        url: concrete(path),
        headers: { ...headers, ...JSON_TYPE },
        payload: "{",
      });
      expect([headers, reply.statusCode]).toEqual([headers, 401]);
      expect(reply.headers["www-authenticate"]).toMatch(/^Bearer/);
    }
    expect(runs.requests).toEqual([]);
  });

  it("answers 401 and not 404 on unknown routes without a key", async () => {
    const { app } = start();
    expect((await app.inject({ url: "/nothing/here" })).statusCode).toBe(401);
    expect((await app.inject({ method: "DELETE", url: "/api/v1/runs" })).statusCode).toBe(401);
  });

  it("open to all are health, readiness and login alone", () => {
    expect(routes.filter(({ auth }) => !auth).map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /healthz",
      "GET /readyz",
      "GET /login",
      "POST /login",
    ]);
  });
});

describe("keys", () => {
  it("are asked for once and then believed for a while", async () => {
    const { app, keys } = start();
    for (let i = 0; i < 5; i++) expect((await app.inject({ url: "/api/v1/runs", headers: KEY })).statusCode).toBe(200);
    expect(keys.calls).toBe(1);
  });

  it("stop working soon after they are revoked", async () => {
    const { app, keys } = start({ keyCacheMs: 0 });
    expect((await app.inject({ url: "/api/v1/runs", headers: KEY })).statusCode).toBe(200);
    keys.revoke(TEST_KEY);
    expect((await app.inject({ url: "/api/v1/runs", headers: KEY })).statusCode).toBe(401);
  });
});

describe("login", () => {
  async function session(app: FastifyInstance): Promise<string> {
    const reply = await app.inject({ method: "POST", url: "/login", payload: { key: TEST_KEY } });
    expect(reply.statusCode).toBe(200);
    const cookie = String(reply.headers["set-cookie"]);
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; /);
    expect(cookie).not.toContain(TEST_KEY);
    return cookie.split(";")[0]!;
  }

  it("gives a session that reads", async () => {
    const { app } = start();
    const cookie = await session(app);
    expect((await app.inject({ url: "/docs", headers: { cookie } })).statusCode).toBe(200);
    expect((await app.inject({ method: "HEAD", url: "/api/v1/runs", headers: { cookie } })).statusCode).toBe(200);
  });

  it("gives no session that runs code", async () => {
    const { app, runs } = start();
    const cookie = await session(app);
    const payload = { language: "python", code: "1" };
    for (const url of ["/api/v1/runs", "/api/v1/runs/batch", "/api/v2/execute"]) {
      expect((await app.inject({ method: "POST", url, headers: { cookie }, payload })).statusCode).toBe(401);
    }
    expect(runs.requests).toEqual([]);
  });

  it("keeps the cookie to TLS where a proxy says so", async () => {
    const headers = { "x-forwarded-proto": "https" };
    const reply = await start().app.inject({ method: "POST", url: "/login", headers, payload: { key: TEST_KEY } });
    expect(String(reply.headers["set-cookie"])).toMatch(/; Secure$/);
  });

  it("refuses a wrong key and gives no cookie", async () => {
    const reply = await start().app.inject({ method: "POST", url: "/login", payload: { key: "wrong" } });
    expect(reply.statusCode).toBe(401);
    expect(reply.headers["set-cookie"]).toBeUndefined();
  });

  it("ends the session when its time is up or its key is revoked", async () => {
    const short = start({ sessionMs: 0 });
    expect((await short.app.inject({ url: "/docs", headers: { cookie: await session(short.app) } })).statusCode).toBe(
      401,
    );
    const { app, keys } = start({ keyCacheMs: 0 });
    const cookie = await session(app);
    keys.revoke(TEST_KEY);
    expect((await app.inject({ url: "/docs", headers: { cookie } })).statusCode).toBe(401);
  });

  it("takes no form that another site could post", async () => {
    const { app } = start();
    for (const type of ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"]) {
      const reply = await app.inject({
        method: "POST",
        url: "/login",
        headers: { "content-type": type },
        payload: `{"key":"${TEST_KEY}"}`,
      });
      expect(reply.statusCode).toBe(415);
      expect(reply.headers["set-cookie"]).toBeUndefined();
    }
  });
});

describe("pages", () => {
  it.each(["/docs", "/login"])("%s loads nothing from anywhere, by policy", async (url) => {
    const reply = await start().app.inject({ url, headers: KEY });
    expect(reply.statusCode).toBe(200);
    expect(reply.headers["content-type"]).toContain("text/html");
    const policy = String(reply.headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(reply.body).not.toMatch(/(?:src|href)="(?:https?:)?\/\/|@import|url\(/);
  });

  it.each(["/docs", "/login"])("%s allows its own style and script by their hashes", async (url) => {
    const { headers, body } = await start().app.inject({ url, headers: KEY });
    const inline = [...body.matchAll(/<(style|script)>([\s\S]*?)<\/\1>/g)].map(
      ([, kind, text]) => [kind, text ?? ""] as const,
    );
    expect(inline.map(([kind]) => kind)).toEqual(url === "/login" ? ["style", "script"] : ["style"]);
    for (const [kind, text] of inline) {
      const hash = createHash("sha256").update(text).digest("base64");
      expect(headers["content-security-policy"]).toContain(`${kind}-src 'sha256-${hash}'`);
    }
    expect(body).not.toMatch(/ on[a-z]+="| style="|javascript:/);
  });

  it("show a browser without a session where to log in, still with 401", async () => {
    const { app } = start();
    const reply = await app.inject({ url: "/docs", headers: { accept: "text/html,*/*;q=0.8" } });
    expect(reply.statusCode).toBe(401);
    expect(reply.headers["content-type"]).toContain("text/html");
    expect(reply.body).toBe((await app.inject({ url: "/login" })).body);
  });

  it("describe every route, error and schema, with links that lead somewhere", async () => {
    const { body } = await start().app.inject({ url: "/docs", headers: KEY });
    const targets = new Set([...body.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]));
    for (const name of Object.keys(ROUTES)) expect(targets).toContain(name);
    for (const code of Object.keys(ERROR_CODES)) expect(targets).toContain(`error-${code}`);
    const links = [...body.matchAll(/href="#([^"]+)"/g)].map((match) => match[1]);
    expect(links.length).toBeGreaterThan(50);
    for (const link of links) expect(targets).toContain(link);
  });

  it("give the same document as JSON, YAML and /spec", async () => {
    const { app } = start({ version: "9.8.7" });
    const [json, spec, yaml] = await Promise.all(
      ["/openapi.json", "/spec", "/openapi.yaml"].map((url) => app.inject({ url, headers: KEY })),
    );
    expect(json!.json().info.version).toBe("9.8.7");
    expect(spec!.json()).toEqual(json!.json());
    expect(parseYaml(yaml!.body)).toEqual(json!.json());
    expect(yaml!.headers["content-type"]).toContain("application/yaml");
  });
});

describe("every reply", () => {
  it("carries the caller's request id when it is sane, else a new one", async () => {
    const { app } = start();
    const id = async (given: string) =>
      (await app.inject({ url: "/healthz", headers: { "x-request-id": given } })).headers["x-request-id"];
    expect(await id("trace-1.2:3_4")).toBe("trace-1.2:3_4");
    for (const bad of ["", "a b", "x".repeat(129), "<script>"]) expect(await id(bad)).toMatch(/^req_[0-9a-f-]{36}$/);
  });

  it.each(["/healthz", "/api/v1/runs", "/nothing", "/api/v1/%zz"])("has security headers: %s", async (url) => {
    const { headers } = await start().app.inject({ url, headers: KEY });
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    });
    expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
    expect(headers["x-request-id"]).toBeTypeOf("string");
    expect(headers).not.toHaveProperty("x-powered-by");
    expect(headers).not.toHaveProperty("access-control-allow-origin");
  });
});

describe("Host header", () => {
  const ask = async (settings: Partial<HttpSettings>, host: string) =>
    (await start(settings).app.inject({ url: "/healthz", headers: { host } })).statusCode;

  it.each([
    "localhost",
    "localhost:4180",
    "LOCALHOST",
    "127.0.0.1:4180",
    "[::1]:4180",
    "192.168.1.5",
    "app.localhost:1",
  ])("passes %s", async (host) => {
    expect(await ask({}, host)).toBe(200);
  });

  it.each([
    "evil.example",
    "evil.example:4180",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
  ])("refuses %j, which rebinding could use", async (host) => {
    expect(await ask({}, host)).toBe(403);
  });

  it("passes names that the operator allows, and any on a public bind", async () => {
    expect(await ask({ allowedHosts: ["box.lan"] }, "Box.lan:4180")).toBe(200);
    expect(await ask({ allowedHosts: null }, "evil.example")).toBe(200);
  });
});

describe("health and readiness", () => {
  it("is healthy while everything else is away, and says which part is", async () => {
    const { app, runs } = start();
    runs.failure = new Error("connect ECONNREFUSED 10.1.2.3:5432 user=secret");
    expect((await app.inject({ url: "/healthz" })).json()).toEqual({ status: "ok" });
    const reply = await app.inject({ url: "/readyz" });
    expect(reply.statusCode).toBe(503);
    expect(reply.body).not.toContain("secret");
    const { checks } = Readiness.parse(reply.json());
    expect([checks.database.ok, checks.queue.ok, checks.engine.ok]).toEqual([false, true, true]);
  });

  it("is ready when all parts work", async () => {
    const reply = await start().app.inject({ url: "/readyz" });
    expect(reply.statusCode).toBe(200);
    expect(reply.json().checks.engine.detail).toBe("bubblewrap (namespace)");
  });

  it("is not ready without an engine, or when a part does not answer in time", async () => {
    const none = { ...TEST_CATALOG, engines: TEST_CATALOG.engines.map((engine) => ({ ...engine, available: false })) };
    expect(
      (await start({}, { catalog: async () => none }).app.inject({ url: "/readyz" })).json().checks.engine.ok,
    ).toBe(false);
    const stuck = start({ readinessTimeoutMs: 5 }, { queueReady: () => new Promise(() => {}) });
    const reply = await stuck.app.inject({ url: "/readyz" });
    expect(reply.statusCode).toBe(503);
    expect(reply.json().checks.queue.ok).toBe(false);
  });
});

describe("faults", () => {
  const cases: [Error, number, ErrorCode][] = [
    ...Object.entries(ERROR_CODES).map(([code, { status }]): [Error, number, ErrorCode] => [
      new ApiError(code as ErrorCode, "words"),
      status,
      code as ErrorCode,
    ]),
    [new Error("SELECT secret FROM api_keys"), 500, "internal"],
    [new TypeError("x is not a function"), 500, "internal"],
  ];
  it.each(cases)("%s becomes %d %s", async (error, status, code) => {
    const { app, runs } = start();
    runs.failure = error;
    const reply = await app.inject({ url: "/api/v1/runs", headers: { ...KEY, "x-request-id": "r1" } });
    expect(reply.statusCode).toBe(status);
    const body = ErrorBody.parse(reply.json());
    expect(body.error).toMatchObject({ code, requestId: "r1" });
    expect(reply.body).not.toMatch(/SELECT|secret|at .*\.ts/);
  });

  it("says with Retry-After when a full queue is worth another try", async () => {
    const { app, runs } = start();
    runs.failure = new ApiError("queue_full", "1000 runs wait", { retryAfterSeconds: 2.4 });
    const reply = await app.inject({
      method: "POST",
      url: "/api/v1/runs",
      headers: KEY,
      payload: { language: "python", code: "1" },
    });
    expect(reply.statusCode).toBe(429);
    expect(reply.headers["retry-after"]).toBe("3");
  });

  it("answers 503 with Retry-After while the database is away, also when it is asked for the key", async () => {
    const away = new ApiError("database_unavailable", "connect ECONNREFUSED 10.1.2.3");
    const { app } = start({}, { keys: { verify: () => Promise.reject(away) } });
    const reply = await app.inject({ url: "/api/v1/runs", headers: KEY });
    expect(reply.statusCode).toBe(503);
    expect(reply.headers["retry-after"]).toBe("5");
    expect(reply.body).not.toContain("10.1.2.3");
  });

  it("answers 500 and leaks nothing when a reply does not match the contract", async () => {
    const broken = async () => ({ ...TEST_CATALOG, languages: [{ name: "SELECT secret" }] as never });
    const reply = await start({}, { catalog: broken }).app.inject({ url: "/api/v1/languages", headers: KEY });
    expect(reply.statusCode).toBe(500);
    expect(reply.body).not.toContain("secret");
  });
});

describe("metrics", () => {
  it("count requests by route and never by raw path", async () => {
    const { app, metrics } = start();
    metrics.runFinished({
      status: "exited",
      language: "python",
      engine: "bubblewrap",
      waitMs: 5,
      startMs: 2,
      runMs: 10,
      violations: ["canary_read"],
      behaviourScore: 40,
    });
    metrics.workerSlots(1, 4);
    const violations = ["canary_in_output", "canary_in_output"].map((kind) => ({ kind, detail: "" }));
    metrics.sandboxProgram("runc", { violations, behaviourScore: 60 });
    await app.inject({ url: "/api/v1/runs/run_00000000000000000000000099", headers: KEY });
    await app.inject({ url: "/secret-path-of-someone", headers: KEY });
    const { body, headers } = await app.inject({ url: "/metrics", headers: KEY });
    expect(headers["content-type"]).toContain("text/plain");
    expect(body).toContain('crucible_http_request_seconds_count{method="GET",route="/api/v1/runs/:id",status="404"} 1');
    expect(body).toContain('route="unmatched"');
    expect(body).toContain('crucible_run_violations_total{kind="canary_read",engine="bubblewrap"} 1');
    expect(body).toContain('crucible_run_behaviour_score_bucket{le="30",engine="bubblewrap"} 0');
    expect(body).toContain('crucible_run_behaviour_score_bucket{le="40",engine="bubblewrap"} 1');
    expect(body).toContain('crucible_sandbox_violations_total{kind="canary_in_output",engine="runc"} 1');
    expect(body).toContain('crucible_sandbox_behaviour_score_sum{engine="runc"} 60');
    expect(body).not.toContain("secret-path");
    expect(body).toContain('crucible_runs_finished_total{status="exited",language="python",engine="bubblewrap"} 1');
    expect(body).toContain("crucible_queue_depth 0");
    expect(body).toContain("crucible_worker_slots 4");
    expect(body).toContain('crucible_engine_available{engine="bubblewrap",isolation="namespace"} 1');
  });

  it("are served while the database is away", async () => {
    const { app, runs } = start();
    runs.failure = new Error("away");
    const reply = await app.inject({ url: "/metrics", headers: KEY });
    expect(reply.statusCode).toBe(200);
    expect(reply.body).toContain("crucible_queue_depth Nan");
  });
});

describe("a caller that leaves", () => {
  it("does not cancel the run it waits for", async () => {
    const { app, runs } = start();
    await app.listen({ port: 0, host: "127.0.0.1" });
    const submitted = Promise.withResolvers<string>();
    runs.onSubmit = ({ id }) => submitted.resolve(id);
    const gone = Promise.withResolvers<void>();
    app.server.on("connection", (socket) => socket.on("close", () => gone.resolve()));
    const request = httpRequest({
      port: (app.server.address() as AddressInfo).port,
      method: "POST",
      path: "/api/v1/runs?wait=true",
      headers: { ...KEY, ...JSON_TYPE },
    });
    request.on("error", () => {});
    request.end(JSON.stringify({ language: "python", code: "1" }));
    const id = await submitted.promise;
    request.destroy();
    await gone.promise;
    expect((await runs.reader.getRun(id))?.status).toBe("queued");
    runs.finish(id);
    expect((await app.inject({ url: `/api/v1/runs/${id}`, headers: KEY })).json().status).toBe("finished");
  });
});
