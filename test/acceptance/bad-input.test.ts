import { once } from "node:events";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openCrucible } from "./src/crucible.ts";
import type { Crucible } from "./src/crucible.ts";
import { call } from "./src/http.ts";

let crucible: Crucible;
beforeAll(async () => {
  crucible = await openCrucible();
});
afterAll(async () => {
  await crucible[Symbol.asyncDispose]();
});

const good = { language: "bash", code: "true" };
const file = (path: unknown) => ({ language: "bash", files: [{ path, content: "true" }] });

describe("a run request that is wrong is answered with 400, the code and the field", () => {
  test.each([
    ["no language", { code: "true" }, "invalid_request", "language"],
    ["a language that is no text", { language: 5, code: "true" }, "invalid_request", "language"],
    ["an unknown language", { language: "cobol", code: "true" }, "unknown_language", "language"],
    ["neither code nor files", { language: "bash" }, "invalid_request", "code"],
    ["code and files", { ...good, ...file("a.sh") }, "invalid_request", "code"],
    ["no files", { language: "bash", files: [] }, "invalid_request", "files"],
    ["an unknown field", { ...good, sudo: true }, "invalid_request", "sudo"],
    ["args that are no list", { ...good, args: "x" }, "invalid_request", "args"],
    ["an argument with NUL", { ...good, args: ["a\0b"] }, "invalid_request", "args[0]"],
    ["a bad variable name", { ...good, env: { "a b": "x" } }, "invalid_request", "env"],
    ["an absolute path", file("/etc/passwd"), "invalid_path", "files[0].path"],
    ["a path that climbs", file("a/../../b"), "invalid_path", "files[0].path"],
    ["a path with NUL", file("a\0b"), "invalid_path", "files[0].path"],
    ["an empty path", file(""), "invalid_request", "files[0].path"],
    ["an entry that is no file", { ...file("a.sh"), entry: "b.sh" }, null, "entry"],
    [
      "a limit above the maximum",
      { ...good, limits: { memoryBytes: 2 ** 50 } },
      "limit_too_high",
      "limits.memoryBytes",
    ],
    ["a negative limit", { ...good, limits: { wallTimeMs: -1 } }, "invalid_request", "limits.wallTimeMs"],
    ["half a millisecond", { ...good, limits: { wallTimeMs: 0.5 } }, "invalid_request", "limits.wallTimeMs"],
    ["an unknown limit", { ...good, limits: { wallTime: 1 } }, "invalid_request", "limits.wallTime"],
    ["a level that does not exist", { ...good, isolation: { atLeast: "moon" } }, "invalid_request", "isolation"],
    ["a priority off the scale", { ...good, priority: 1000 }, "invalid_request", "priority"],
    ["a list", [good], "invalid_request", null],
    ["nothing", null, "invalid_request", null],
  ])("%s", async (_, body, code, field) => {
    const answer = await call(crucible, "POST", "/api/v1/runs", { body });
    expect(answer.status).toBe(400);
    const { error } = answer.json as {
      error: { code: string; field?: string; message: string; docs: string; requestId: string };
    };
    expect(error.code).toBe(code ?? error.code);
    expect(error.field ?? "").toContain(field ?? "");
    expect(error).toMatchObject({
      message: expect.stringMatching(/\S/) as string,
      docs: expect.stringContaining(error.code) as string,
    });
    expect(error.requestId).toBe(answer.headers.get("x-request-id"));
  });

  test.each([
    ["malformed JSON", "POST", "/api/v1/runs", { raw: '{"language":' }, 400, "malformed_json"],
    ["no body", "POST", "/api/v1/runs", {}, 400, null],
    [
      "not JSON at all",
      "POST",
      "/api/v1/runs",
      { raw: "x", headers: { "content-type": "text/plain" } },
      415,
      "unsupported_media_type",
    ],
    ["an id that is none", "GET", "/api/v1/runs/42", {}, 400, "invalid_request"],
    ["an id of no run", "GET", "/api/v1/runs/run_00000000000000000000000000", {}, 404, "not_found"],
    ["events of no run", "GET", "/api/v1/runs/run_00000000000000000000000000/events", {}, 404, "not_found"],
    ["a cursor that was made up", "GET", "/api/v1/runs?cursor=abc", {}, 400, "invalid_cursor"],
    ["a page of nothing", "GET", "/api/v1/runs?limit=0", {}, 400, "invalid_request"],
    ["an unknown filter", "GET", "/api/v1/runs?colour=red", {}, 400, "invalid_request"],
    ["a filter that is no date", "GET", "/api/v1/runs?createdAfter=yesterday", {}, 400, "invalid_request"],
    ["an unknown route", "GET", "/api/v1/nothing", {}, 404, "not_found"],
    ["a wrong method", "DELETE", "/api/v1/runs", {}, 405, "method_not_allowed"],
    ["an empty batch", "POST", "/api/v1/runs/batch", { body: { runs: [] } }, 400, "invalid_request"],
  ] as const)("%s", async (_, method, path, options, status, code) => {
    const answer = await call(crucible, method, path, options);
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ error: code === null ? {} : { code } });
  });
});

test("a body over the limit is 413 before it has been sent", async () => {
  const asked = request(`${crucible.url}/api/v1/runs`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${crucible.apiKey}`,
      "content-type": "application/json",
      "content-length": 2 ** 40,
    },
  });
  asked.on("error", () => {
    // The server closes the connection after its answer: the rest of the body is not wanted.
  });
  asked.flushHeaders();
  const [reply] = (await once(asked, "response")) as [IncomingMessage];
  expect(reply.statusCode).toBe(413);
  expect(JSON.parse(await text(reply))).toMatchObject({ error: { code: "payload_too_large" } });
  asked.destroy();
});

test.each([
  ["an isolation that no engine here reaches", { ...good, isolation: { atLeast: "microvm" } }, "isolation_unavailable"],
  ["an engine that is not here", { ...good, isolation: { engine: "firecracker" } }, "engine_unavailable"],
])("%s gives 503 and runs with nothing less", async (_, body, code) => {
  const labels = { suite: `refused-${Math.random()}` };
  const answer = await call(crucible, "POST", "/api/v1/runs", { body: { ...body, labels } });
  expect(answer).toMatchObject({ status: 503, json: { error: { code } } });
  const { runs } = (await call(crucible, "GET", `/api/v1/runs?label=suite=${labels.suite}`)).json as {
    runs: unknown[];
  };
  expect(runs).toEqual([]);
});

describe("without a key", () => {
  const routes = [
    ["POST", "/api/v1/runs"],
    ["GET", "/api/v1/runs"],
    ["GET", "/api/v1/languages"],
    ["GET", "/api/v1/engines"],
    ["GET", "/metrics"],
    ["GET", "/openapi.json"],
    ["POST", "/api/v2/execute"],
    ["GET", "/api/v2/runtimes"],
  ] as const;

  test.each(routes)("%s %s is 401", async (method, path) => {
    for (const authorization of ["", "Bearer ", "Bearer crucible_wrong", `Basic ${crucible.apiKey}`, crucible.apiKey]) {
      const answer = await call(crucible, method, path, {
        headers: { authorization },
        ...(method === "POST" ? { body: good } : {}),
      });
      expect(answer.status, authorization).toBe(401);
    }
  });

  test("health and readiness answer", async () => {
    for (const path of ["/healthz", "/readyz"]) {
      expect(await call(crucible, "GET", path, { headers: { authorization: "" } })).toMatchObject({ status: 200 });
    }
  });
});

test("a web page of another site cannot run code: no CORS, and a form is refused", async () => {
  const preflight = await call(crucible, "OPTIONS", "/api/v1/runs", {
    headers: { origin: "https://example.org", "access-control-request-method": "POST", authorization: "" },
  });
  expect(preflight.headers.get("access-control-allow-origin")).toBeNull();
  const form = await call(crucible, "POST", "/api/v1/runs", {
    raw: JSON.stringify(good),
    headers: { "content-type": "text/plain", authorization: "" },
  });
  expect([401, 415]).toContain(form.status);
});
