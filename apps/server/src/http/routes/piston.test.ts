import { afterEach, describe, expect, it } from "vitest";
import { PistonExecuteResponse } from "@crucible/contract";
import type { Outcome } from "@crucible/contract";
import type { FastifyInstance, InjectOptions } from "fastify";
import { buildApp } from "../app.ts";
import type { HttpSettings } from "../deps.ts";
import { TEST_CATALOG, TEST_KEY, memoryDeps, outcome } from "../testing/fakes.ts";

const apps: FastifyInstance[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

const KEY = { authorization: `Bearer ${TEST_KEY}` };

/** A server whose runs end at once with `result`. */
function start(result: Outcome | null = outcome(), settings: Partial<HttpSettings> = {}) {
  const parts = memoryDeps(settings);
  if (result !== null) parts.runs.onSubmit = ({ id }) => setImmediate(() => parts.runs.finish(id, result));
  const app = buildApp(parts.deps);
  apps.push(app);
  const execute = (payload: unknown, url = "/api/v2/execute") =>
    app.inject({ method: "POST", url, headers: KEY, payload: payload as object });
  return { ...parts, app, execute };
}

const PROGRAM = { language: "python", version: "3.11.2", files: [{ name: "main.py", content: "print('hello')" }] };
const LIMITS = TEST_CATALOG.maxLimits;

describe("POST /api/v2/execute", () => {
  it.each(["/api/v2/execute", "/api/v2/piston/execute"])("%s answers in Piston's shape", async (url) => {
    const reply = await start().execute(PROGRAM, url);
    expect(reply.statusCode).toBe(200);
    expect(PistonExecuteResponse.parse(reply.json())).toEqual(reply.json());
    expect(reply.json()).toEqual({
      language: "python",
      version: "3.11.2",
      run: {
        stdout: "hello\n",
        stderr: "",
        output: "hello\n",
        code: 0,
        signal: null,
        message: null,
        status: null,
        cpu_time: 8,
        wall_time: 12,
        memory: 9_000_000,
      },
    });
  });

  it("hands over files, arguments and input as Piston does", async () => {
    const { execute, runs } = start();
    await execute({
      ...PROGRAM,
      files: [
        { name: "data.bin", content: "00ff", encoding: "hex" },
        { name: "blob", content: "AAE", encoding: "base64" },
        { name: "main.py", content: "m" },
        { content: "second", encoding: "utf8" },
      ],
      args: ["-x", "a b; rm"],
      stdin: "line",
    });
    expect(runs.requests[0]).toMatchObject({
      language: "python",
      entry: "main.py",
      files: [
        { path: "data.bin", content: "AP8=", encoding: "base64" },
        { path: "blob", content: "AAE=", encoding: "base64" },
        { path: "main.py", content: "m", encoding: "utf8" },
        { path: "file3.py", content: "second", encoding: "utf8" },
      ],
      args: ["-x", "a b; rm"],
      stdin: "line\n",
      env: { PISTON_LANGUAGE: "python" },
    });
  });

  it.each([
    [undefined, "\n"],
    [null, "\n"],
    ["", "\n"],
    ["a", "a\n"],
    ["a\n", "a\n"],
  ])("gives input %j a trailing newline if it has none", async (stdin, expected) => {
    const { execute, runs } = start();
    await execute({ ...PROGRAM, stdin });
    expect(runs.requests[0]?.stdin).toBe(expected);
  });

  it("runs a lone file without a name, and gives a compiler's file the extension it needs", async () => {
    const { execute, runs } = start();
    await execute({ ...PROGRAM, files: [{ content: "x" }] });
    await execute({
      language: "cpp",
      version: "*",
      files: [
        { name: "prog", content: "x" },
        { name: "a.h", content: "y" },
      ],
    });
    await execute({ language: "cpp", version: "*", files: [{ name: "prog.cc", content: "x" }] });
    expect(runs.requests[0]).toMatchObject({ code: "x" });
    expect(runs.requests[1]).toMatchObject({
      language: "c++",
      entry: "prog.cpp",
      files: [{ path: "prog.cpp" }, { path: "a.h" }],
    });
    expect(runs.requests[2]).toMatchObject({ entry: "prog.cc" });
  });

  it("maps limits, with Piston's defaults and -1 as our maximum", async () => {
    const { execute, runs } = start();
    await execute(PROGRAM);
    expect(runs.requests[0]?.limits).toEqual({ wallTimeMs: 3000, cpuTimeMs: 3000, memoryBytes: LIMITS.memoryBytes });
    await execute({
      ...PROGRAM,
      run_timeout: 1500.5,
      run_cpu_time: 700,
      run_memory_limit: 64_000_000,
      compile_timeout: 9000,
      compile_cpu_time: 8000,
      compile_memory_limit: -1,
    });
    expect(runs.requests[1]).toMatchObject({
      limits: { wallTimeMs: 1501, cpuTimeMs: 700, memoryBytes: 64_000_000 },
      compileLimits: { wallTimeMs: 9000, cpuTimeMs: 8000, memoryBytes: LIMITS.memoryBytes },
    });
    await execute({ ...PROGRAM, run_timeout: 0, run_memory_limit: null });
    expect(runs.requests[2]?.limits).toEqual(runs.requests[0]?.limits);
  });

  it("writes what goes to both outputs in the order it came", async () => {
    const result = outcome({ stdout: "a1\na2\n", stderr: "b1\n" });
    const { execute, runs } = start(null);
    runs.onSubmit = ({ id }) =>
      setImmediate(() => {
        runs.output(id, "stdout", "a1\n");
        runs.output(id, "stderr", "b1\n");
        runs.output(id, "stdout", "a2\n");
        runs.finish(id, result);
      });
    expect((await execute(PROGRAM)).json().run.output).toBe("a1\nb1\na2\n");
  });

  it("puts standard error last when the order is not known", async () => {
    const reply = await start(outcome({ stdout: "out", stderr: "err" })).execute(PROGRAM);
    expect(reply.json().run.output).toBe("outerr");
  });

  it("replaces bytes that are not UTF-8", async () => {
    const reply = await start(outcome({ stdout: "/w==", stdoutEncoding: "base64" })).execute(PROGRAM);
    expect(reply.json().run.stdout).toBe("\uFFFD");
  });

  it("cancels the run of a caller that left: nobody else knows its id", async () => {
    const { app, runs } = start(null);
    const address = await app.listen({ port: 0, host: "127.0.0.1" });
    const abort = new AbortController();
    const id = Promise.withResolvers<string>();
    runs.onSubmit = (run) => id.resolve(run.id);
    const cancelled = Promise.withResolvers<string>();
    const { cancelRun } = runs.submit;
    runs.submit.cancelRun = async (runId) => {
      cancelled.resolve(runId);
      return cancelRun(runId);
    };
    const call = fetch(`${address}/api/v2/execute`, {
      method: "POST",
      headers: { ...KEY, "content-type": "application/json" },
      body: JSON.stringify(PROGRAM),
      signal: abort.signal,
    });
    const submitted = await id.promise;
    abort.abort();
    await expect(call).rejects.toThrow("aborted");
    expect(await cancelled.promise).toBe(submitted);
  });

  it("answers 503 when the run does not finish in time", async () => {
    const reply = await start(null, { executeTimeoutMs: 10 }).execute(PROGRAM);
    expect(reply.statusCode).toBe(503);
    expect(Object.keys(reply.json())).toEqual(["message"]);
  });
});

describe("version selectors", () => {
  it.each(["*", "3", "3.x", "3.11", "3.11.2", ">=3.10", "^3", "~3.11.0", "3.10.0 - 3.12"])(
    "%s finds Python 3.11.2",
    async (version) => {
      const reply = await start().execute({ ...PROGRAM, version });
      expect(reply.json()).toMatchObject({ language: "python", version: "3.11.2" });
    },
  );

  it.each([
    ["c++", "12.x", "12.2.0"],
    ["g++", "^12.2.0", "12.2.0"],
    ["cpp", "g++ 12.2.0", "12.2.0"],
    ["lua", "5.2.0", "5.2.0"],
    ["lua", "5.2", "5.2.0"],
  ])("%s at %s is %s", async (language, version, expected) => {
    const reply = await start().execute({ ...PROGRAM, language, version });
    expect(reply.json().version).toBe(expected);
  });

  it.each([
    ["python", "2.x"],
    ["python", ">=4"],
    ["python", "latest"],
    ["html", "5.0.0"],
    ["Python", "*"],
  ])("%s at %s is an unknown runtime", async (language, version) => {
    const reply = await start().execute({ ...PROGRAM, language, version });
    expect(reply.statusCode).toBe(400);
    expect(reply.json()).toEqual({ message: `${language}-${version} runtime is unknown` });
  });
});

describe("status", () => {
  const killed = { code: null, signal: "SIGKILL" };
  const cases: [string, Partial<Outcome>, object][] = [
    [
      "an exit code is RE",
      { exitCode: 3 },
      { status: "RE", code: 3, signal: null, message: "Exited with error status 3" },
    ],
    [
      "a signal is SG",
      { status: "signaled", exitCode: null, signal: "SIGSEGV" },
      { status: "SG", code: null, signal: "SIGSEGV", message: "Caught fatal signal 11" },
    ],
    [
      "too much memory is SG",
      { status: "out_of_memory", exitCode: null },
      { ...killed, status: "SG", message: "Caught fatal signal 9" },
    ],
    [
      "wall time is TO",
      { status: "timed_out", exitCode: null },
      { ...killed, status: "TO", message: "Time limit exceeded (wall clock)" },
    ],
    [
      "CPU time is TO",
      { status: "cpu_exceeded", exitCode: null },
      { ...killed, status: "TO", message: "Time limit exceeded" },
    ],
    [
      "output is OL",
      { status: "output_exceeded", exitCode: null, limitsHit: ["stdoutBytes"] },
      { ...killed, status: "OL", message: "stdout length exceeded" },
    ],
    [
      "error output is EL",
      { status: "output_exceeded", exitCode: null, limitsHit: ["stderrBytes"] },
      { ...killed, status: "EL", message: "stderr length exceeded" },
    ],
    [
      "a broken sandbox is XX",
      { status: "sandbox_failed", exitCode: null, reason: "no cgroup" },
      { status: "XX", code: null, signal: null, message: "no cgroup" },
    ],
    ["a cancelled run is XX", { status: "cancelled", exitCode: null }, { ...killed, status: "XX" }],
    ["a full disk is RE", { status: "disk_exceeded", exitCode: 1 }, { status: "RE", code: 1 }],
  ];
  it.each(cases)("%s", async (_, change, expected) => {
    const reply = await start(outcome(change)).execute(PROGRAM);
    expect(reply.statusCode).toBe(200);
    expect(reply.json().run).toMatchObject(expected);
  });

  it("has `compile` for compiled languages alone, and as `run` too where it failed", async () => {
    const {
      stdout,
      stdoutEncoding,
      stdoutTruncated,
      stderr,
      stderrEncoding,
      stderrTruncated,
      wallMs,
      cpuMs,
      peakMemoryBytes,
      limitsHit,
    } = outcome();
    const compile = {
      status: "exited" as const,
      exitCode: 0,
      signal: null,
      stdout,
      stdoutEncoding,
      stdoutTruncated,
      stderr,
      stderrEncoding,
      stderrTruncated,
      wallMs,
      cpuMs,
      peakMemoryBytes,
      limitsHit,
    };
    const program = { language: "c++", version: "*", files: [{ content: "x" }] };
    const good = (await start(outcome({ compile })).execute(program)).json();
    expect(good.compile).toMatchObject({ code: 0, status: null });
    expect(good.run.stdout).toBe("hello\n");
    const failed = outcome({
      status: "compile_failed",
      exitCode: null,
      stdout: "",
      compile: { ...compile, exitCode: 1, stdout: "", stderr: "error: x" },
    });
    const bad = (await start(failed).execute(program)).json();
    expect(bad.compile).toMatchObject({ code: 1, status: "RE", stderr: "error: x", output: "error: x" });
    expect(bad.run).toEqual(bad.compile);
  });
});

describe("errors", () => {
  const bad: [string, unknown, string][] = [
    ["no language", { ...PROGRAM, language: undefined }, "language is required as a string"],
    ["an empty language", { ...PROGRAM, language: "" }, "language is required as a string"],
    ["a number as version", { ...PROGRAM, version: 3 }, "version is required as a string"],
    ["no files", { ...PROGRAM, files: undefined }, "files is required as an array"],
    ["files that are no array", { ...PROGRAM, files: { content: "x" } }, "files is required as an array"],
    [
      "a file without content",
      { ...PROGRAM, files: [{ content: "a" }, { name: "x" }] },
      "files[1].content is required as a string",
    ],
    ["a file that is no object", { ...PROGRAM, files: [5] }, "files[0].content is required as a string"],
    ["no file", { ...PROGRAM, files: [] }, "files must include at least one utf8 encoded file"],
    [
      "no utf8 file",
      { ...PROGRAM, files: [{ content: "00", encoding: "hex" }] },
      "files must include at least one utf8 encoded file",
    ],
    ["a limit that is no number", { ...PROGRAM, run_timeout: "3000" }, "If specified, run_timeout must be a number"],
    ["too much time", { ...PROGRAM, run_timeout: 300_001 }, "run_timeout cannot exceed the configured limit of 300000"],
    [
      "too much memory",
      { ...PROGRAM, compile_memory_limit: LIMITS.memoryBytes + 1 },
      `compile_memory_limit cannot exceed the configured limit of ${LIMITS.memoryBytes}`,
    ],
    ["negative time", { ...PROGRAM, compile_cpu_time: -5 }, "compile_cpu_time must be non-negative"],
    [
      "memory and time at fault: memory is named",
      { ...PROGRAM, compile_timeout: 1e9, run_memory_limit: 1e15 },
      `run_memory_limit cannot exceed the configured limit of ${LIMITS.memoryBytes}`,
    ],
    ["NUL in an argument", { ...PROGRAM, args: ["a\0b"] }, "`args[0]` must not hold NUL"],
    ["a body that is no object", [], "language is required as a string"],
  ];
  it.each(bad)("%s: 400 with Piston's message", async (_, payload, message) => {
    const { execute, runs } = start();
    const reply = await execute(payload);
    expect(reply.json()).toEqual({ message });
    expect(reply.statusCode).toBe(400);
    expect(runs.requests).toEqual([]);
  });

  it("415 for anything but JSON, also without a body", async () => {
    const { app } = start();
    for (const headers of [{ ...KEY, "content-type": "text/plain" }, KEY]) {
      for (const payload of ["x", ""]) {
        const reply = await app.inject({ method: "POST", url: "/api/v2/execute", headers, payload });
        expect(reply.statusCode).toBe(415);
        expect(reply.json()).toEqual({ message: "requests must be of type application/json" });
      }
    }
  });

  it("keeps the shape for 401, malformed JSON, unknown routes and wrong methods", async () => {
    const { app } = start();
    const type = { "content-type": "application/json" };
    const tries: [InjectOptions, number][] = [
      [{ method: "POST", url: "/api/v2/execute", headers: type, payload: "{}" }, 401],
      [{ method: "POST", url: "/api/v2/execute", headers: { ...KEY, ...type }, payload: "{" }, 400],
      [{ url: "/api/v2/packages", headers: KEY }, 404],
      [{ url: "/api/v2/execute", headers: KEY }, 405],
    ];
    for (const [request, status] of tries) {
      const reply = await app.inject(request);
      expect(reply.statusCode).toBe(status);
      expect(Object.keys(reply.json())).toEqual(["message"]);
    }
  });
});

describe("GET /api/v2/runtimes", () => {
  it.each(["/api/v2/runtimes", "/api/v2/piston/runtimes"])(
    "%s lists languages with versions that select them",
    async (url) => {
      const { app, execute } = start();
      const runtimes = (await app.inject({ url, headers: KEY })).json();
      expect(runtimes).toContainEqual({ language: "c++", version: "12.2.0", aliases: ["cpp", "g++"] });
      for (const { language, version } of runtimes)
        expect((await execute({ ...PROGRAM, language, version })).statusCode).toBe(200);
    },
  );
});
