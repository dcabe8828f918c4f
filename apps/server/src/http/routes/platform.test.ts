import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { ApiError, SelfcheckReport, type SelfcheckRequest } from "@crucible/contract";
import { createSelfcheckReader } from "../../store/selfcheck-reader.ts";
import { buildApp } from "../app.ts";
import { memoryDeps, TEST_KEY, TEST_SELFCHECK } from "../testing/fakes.ts";

const headers = { authorization: `Bearer ${TEST_KEY}` };
const url = "/api/v1/selfcheck";
const open: Disposable[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one[Symbol.dispose]();
});

function directoryWith(content: string | null): string {
  const path = mkdtempSync(join(tmpdir(), "crucible-selfcheck-"));
  open.push({ [Symbol.dispose]: () => rmSync(path, { recursive: true }) });
  if (content !== null) writeFileSync(join(path, "selfcheck.json"), content);
  return path;
}

async function ask(content: string | null) {
  const { deps } = memoryDeps();
  const app = buildApp({ ...deps, selfcheck: createSelfcheckReader(directoryWith(content)) });
  try {
    return await app.inject({ method: "GET", url, headers });
  } finally {
    await app.close();
  }
}

describe("a self-check that is asked for", () => {
  const idle = {
    state: "idle",
    startedAt: null,
    endedAt: null,
    done: 0,
    total: null,
    broken: 0,
    reason: null,
  } as const;
  const requests: unknown[] = [];
  const selfchecks = {
    progress: () => idle,
    start: async (request: SelfcheckRequest) => {
      if (requests.push(request) > 1) throw new ApiError("selfcheck_running", "one is running");
      return { ...idle, state: "running" as const, startedAt: "2026-01-31T12:00:00.000Z" };
    },
  };
  const inject = async (method: "GET" | "POST", payload: object | undefined, more: object = {}) => {
    const app = buildApp({ ...memoryDeps().deps, selfchecks, ...more });
    try {
      return await app.inject({
        method,
        url: method === "GET" ? `${url}/progress` : url,
        headers,
        ...(payload === undefined ? {} : { payload }),
      });
    } finally {
      await app.close();
    }
  };

  it("is accepted with the place of its progress, and refused while one is running", async () => {
    requests.length = 0;
    const reply = await inject("POST", { engines: ["bubblewrap"], groups: ["files"] });
    expect([reply.statusCode, reply.headers["location"]]).toEqual([202, `${url}/progress`]);
    expect(reply.json()).toMatchObject({ state: "running" });
    expect(requests).toEqual([{ engines: ["bubblewrap"], groups: ["files"], quick: false }]);
    const second = await inject("POST", {});
    expect([second.statusCode, second.json()]).toMatchObject([409, { error: { code: "selfcheck_running" } }]);
    expect((await inject("GET", undefined)).json()).toEqual(idle);
  });

  it.each([
    [{ engines: ["nowhere"] }, 503, "engine_unavailable"],
    [{ engines: [] }, 400, "invalid_request"],
    [{ groups: ["everything"] }, 400, "invalid_request"],
    [{ command: "rm" }, 400, "invalid_request"],
  ])("is not started with %j", async (payload, status, code) => {
    requests.length = 0;
    const reply = await inject("POST", payload);
    expect([reply.statusCode, reply.json()]).toMatchObject([status, { error: { code } }]);
    expect(requests).toEqual([]);
  });

  it("needs a key, and a process that has engines", async () => {
    const app = buildApp({ ...memoryDeps().deps, selfchecks });
    for (const method of ["POST", "GET"] as const) {
      const path = method === "GET" ? `${url}/progress` : url;
      expect((await app.inject({ method, url: path, payload: {} })).statusCode).toBe(401);
      expect((await inject(method, method === "GET" ? undefined : {}, { selfchecks: null })).statusCode).toBe(503);
    }
    await app.close();
  });
});

describe("the latest self-check", () => {
  it("is 404 with what to do while there is none", async () => {
    const reply = await ask(null);
    expect(reply.statusCode).toBe(404);
    expect(reply.json()).toMatchObject({ error: { code: "not_found", message: expect.stringContaining("selfcheck") } });
  });

  it("is the report in the data directory, as it was written", async () => {
    const reply = await ask(JSON.stringify(TEST_SELFCHECK));
    expect(reply.statusCode).toBe(200);
    expect(SelfcheckReport.parse(reply.json())).toEqual(TEST_SELFCHECK);
  });

  it("is a fault of the server where the file is no report, and nothing of it gets out", async () => {
    const reply = await ask('{"secret": "s3cret"}');
    expect(reply.statusCode).toBe(500);
    expect(reply.body).not.toContain("s3cret");
  });
});
