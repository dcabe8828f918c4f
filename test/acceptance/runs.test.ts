import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Run } from "@crucible/contract";
import { openCrucible } from "./src/crucible.ts";
import type { Crucible } from "./src/crucible.ts";
import { call, events, getRun, runToEnd, submit } from "./src/http.ts";

let crucible: Crucible;
beforeAll(async () => {
  crucible = await openCrucible();
});
afterAll(async () => {
  await crucible[Symbol.asyncDispose]();
});

const label = () => `run-${Math.random().toString(36).slice(2)}`;
const finished = async (id: string): Promise<Run> => {
  await expect.poll(async () => (await getRun(crucible, id)).status, { timeout: 60_000 }).toBe("finished");
  return await getRun(crucible, id);
};

describe("a program", () => {
  test("is accepted at once, and its result is there when it has finished", async () => {
    const accepted = await submit(crucible, { language: "python", code: "import sys; print(2 ** 100); sys.exit(3)" });
    expect(accepted).toMatchObject({
      status: expect.stringMatching(/queued|running/) as string,
      outcome: null,
      attempt: expect.any(Number) as number,
    });
    expect(accepted.id).toMatch(/^run_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(await finished(accepted.id)).toMatchObject({
      id: accepted.id,
      attempt: 1,
      outcome: {
        status: "exited",
        exitCode: 3,
        stdout: "1267650600228229401496703205376\n",
        stderr: "",
        violations: [],
        behaviourScore: 0,
      },
    });
  });

  test("with wait=true is answered when it has finished", async () => {
    const run = await runToEnd(crucible, {
      language: "bash",
      files: [
        { path: "lib/words", content: "aMOpbGxv", encoding: "base64" },
        { path: "main.sh", content: 'cat lib/words - ; echo "$1 $NAME"' },
      ],
      entry: "main.sh",
      args: ["$(id)"],
      env: { NAME: "a 'b'" },
      stdin: " in",
      labels: { suite: "acceptance" },
      priority: 5,
    });
    expect(run).toMatchObject({ status: "finished", priority: 5, labels: { suite: "acceptance" } });
    expect(run.outcome).toMatchObject({ status: "exited", exitCode: 0, stdout: "héllo in$(id) a 'b'\n" });
  });

  test("that writes bytes that are no text comes back in base64", async () => {
    const { outcome } = await runToEnd(crucible, { language: "bash", code: "printf '\\377\\000x'" });
    expect(outcome).toMatchObject({ stdout: "/wB4", stdoutEncoding: "base64", stderrEncoding: "utf8" });
  });

  test("that does not compile says what the compiler said", async () => {
    const { outcome } = await runToEnd(crucible, { language: "c", code: "int main(void) { return nope; }" });
    expect(outcome).toMatchObject({ status: "compile_failed", stdout: "", compile: { exitCode: 1 } });
    expect(outcome?.compile?.stderr).toContain("nope");
  });

  test.each([
    ["timed_out", { language: "bash", code: "sleep 60", limits: { wallTimeMs: 500 } }],
    ["cpu_exceeded", { language: "bash", code: "while :; do :; done", limits: { cpuTimeMs: 500 } }],
    ["out_of_memory", { language: "python", code: "x = bytearray(2**29)", limits: { memoryBytes: 64 * 2 ** 20 } }],
    ["output_exceeded", { language: "bash", code: "yes", limits: { stdoutBytes: 1000 } }],
    ["signaled", { language: "bash", code: "kill -SEGV $$" }],
  ])("that goes over a limit ends as %s", async (status, request) => {
    const { outcome } = await runToEnd(crucible, request);
    expect(outcome).toMatchObject({ status, exitCode: null });
  });

  test("gives back the files that it leaves in out, in the outcome and as bytes", async () => {
    const run = await runToEnd(crucible, {
      language: "python",
      code: "import os\nopen('out/a b', 'wb').write(b'\\xff')\nopen('out/t', 'w').write('text')\nos.symlink('/etc/passwd', 'out/link')",
      artifacts: true,
    });
    expect(run.outcome?.artifacts).toMatchObject({
      files: [
        { path: "a b", sizeBytes: 1, content: "/w==", encoding: "base64" },
        { path: "t", sizeBytes: 4, content: "text", encoding: "utf8" },
      ],
      leftOut: [{ path: "link", reason: "a symbolic link" }],
      incomplete: null,
    });
    expect((await getRun(crucible, run.id)).outcome).toEqual(run.outcome);
    const bytes = await call(crucible, "GET", `/api/v1/runs/${run.id}/artifacts?path=t`);
    expect(bytes).toMatchObject({ status: 200, text: "text" });
    expect(bytes.headers.get("content-type")).toBe("application/octet-stream");
    expect(bytes.headers.get("content-disposition")).toBe("attachment");
    const none = await call(crucible, "GET", `/api/v1/runs/${run.id}/artifacts?path=link`);
    expect(none).toMatchObject({ status: 404, json: { error: { code: "file_not_found" } } });
  });

  test("cannot reach the network, the server, or the host's files", async () => {
    const port = new URL(crucible.url).port || "80";
    const code = [
      "import os, socket",
      "def tries(what, act):",
      "    try: act(); print(what, 'WORKED')",
      "    except Exception as error: print(what, 'refused')",
      `tries('server', lambda: socket.create_connection(('127.0.0.1', ${port}), 2))`,
      "tries('network', lambda: socket.create_connection(('192.0.2.1', 80), 2))",
      "tries('shadow', lambda: open('/etc/shadow').read())",
      "tries('write', lambda: open('/usr/bin/planted', 'w'))",
      "print(sorted(name for name in os.environ if 'CRUCIBLE' in name or 'KEY' in name))",
    ].join("\n");
    const { outcome } = await runToEnd(crucible, { language: "python", code });
    // The one name is the sandbox's own decoy.
    expect(outcome?.stdout).toBe(
      "server refused\nnetwork refused\nshadow refused\nwrite refused\n['AWS_SECRET_ACCESS_KEY']\n",
    );
  });
});

describe("many programs", () => {
  test("in one batch are accepted in order and do not mix", async () => {
    const suite = label();
    const runs = Array.from({ length: 20 }, (_, i) => ({ language: "bash", code: `echo ${i}`, labels: { suite } }));
    const answer = await call(crucible, "POST", "/api/v1/runs/batch", { body: { runs } });
    expect(answer.status).toBe(201);
    const accepted = (answer.json as { runs: Run[] }).runs;
    const outputs = await Promise.all(accepted.map(async ({ id }) => (await finished(id)).outcome?.stdout));
    expect(outputs).toEqual(runs.map((_, i) => `${i}\n`));
  });

  test("with one bad among them are all refused, and none is stored", async () => {
    const suite = label();
    const runs = ["echo 1", "echo 2", "echo 3"].map((code, i) => ({
      language: i === 1 ? "cobol" : "bash",
      code,
      labels: { suite },
    }));
    const answer = await call(crucible, "POST", "/api/v1/runs/batch", { body: { runs } });
    expect(answer).toMatchObject({
      status: 400,
      json: { error: { code: "unknown_language", field: expect.stringContaining("runs[1]") as string } },
    });
    expect((await call(crucible, "GET", `/api/v1/runs?label=suite=${suite}`)).json).toEqual({
      runs: [],
      nextCursor: null,
    });
  });

  test("are listed newest first, page by page, each once", async () => {
    const suite = label();
    const body = { runs: Array.from({ length: 5 }, () => ({ language: "bash", code: "true", labels: { suite } })) };
    const accepted = ((await call(crucible, "POST", "/api/v1/runs/batch", { body })).json as { runs: Run[] }).runs;
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page = (await call(crucible, "GET", `/api/v1/runs?limit=2&label=suite=${suite}${query}`)).json as {
        runs: Run[];
        nextCursor: string | null;
      };
      expect(page.runs.length).toBeLessThanOrEqual(2);
      seen.push(...page.runs.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(accepted.map(({ id }) => id).toReversed());
  });
});

describe("cancelling", () => {
  test("stops a running program", async () => {
    const run = await submit(crucible, { language: "bash", code: "echo up; sleep 60" });
    for await (const { data } of events(crucible, run.id)) if (data.type === "run.output") break;
    expect((await call(crucible, "POST", `/api/v1/runs/${run.id}/cancel`)).status).toBe(202);
    expect((await finished(run.id)).outcome).toMatchObject({ status: "cancelled", exitCode: null, stdout: "up\n" });
  });

  test("of a finished run is refused, and of none too", async () => {
    const { id } = await runToEnd(crucible, { language: "bash", code: "true" });
    expect(await call(crucible, "POST", `/api/v1/runs/${id}/cancel`)).toMatchObject({
      status: 409,
      json: { error: { code: "run_not_cancellable" } },
    });
    const unknown = "run_00000000000000000000000000";
    expect(await call(crucible, "POST", `/api/v1/runs/${unknown}/cancel`)).toMatchObject({
      status: 404,
      json: { error: { code: "not_found" } },
    });
  });
});

test("a client that goes away while it waits loses nothing: the run goes on", async () => {
  const suite = label();
  const gone = new AbortController();
  const body = { language: "bash", code: "sleep 1; echo done", labels: { suite } };
  const waiting = call(crucible, "POST", "/api/v1/runs?wait=true", { body, signal: gone.signal });
  const listed = async () =>
    ((await call(crucible, "GET", `/api/v1/runs?label=suite=${suite}`)).json as { runs: Run[] }).runs;
  await expect.poll(async () => (await listed()).length, { timeout: 30_000 }).toBe(1);
  gone.abort();
  await expect(waiting).rejects.toThrow(/abort/i);
  const [run] = await listed();
  expect((await finished(run?.id ?? "")).outcome).toMatchObject({ status: "exited", stdout: "done\n" });
});
