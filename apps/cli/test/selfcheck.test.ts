import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { createClient, SelfcheckReport } from "@crucible/contract";
import { createSubprocessEngine, detectLanguages, MAX_LIMITS, MIN_LIMITS, type Engine } from "@crucible/sandbox";
import { carryOut } from "../src/selfcheck/carry-out.ts";
import { countsOf, exitCodeOf } from "../src/selfcheck/report.ts";
import { verifyReport } from "../src/selfcheck/verify.ts";
import { crucible, start } from "./crucible.ts";

const directory = mkdtempSync(join(tmpdir(), "crucible-selfcheck-"));
afterAll(() => rmSync(directory, { recursive: true }));

it("proves an engine of this host, writes the report in every form, and finds a change in it", async () => {
  const file = (name: string): string => join(directory, name);
  const args = ["--engine", "bubblewrap", "--group", "secrets", "--group", "network", "--quick"];
  const files = ["--json", file("report.json"), "--html", file("report.html"), "--data-dir", file("data")];
  const ended = await crucible(["selfcheck", ...args, ...files]);
  expect(ended).toMatchObject({ code: 0 });
  expect(ended.stdout).toMatch(/bubblewrap: all \d+ promises that this host could test held/);
  expect(ended.stderr).toMatch(/\d+\/\d+ {2}100%/);

  const text = readFileSync(file("report.json"), "utf8");
  const report = SelfcheckReport.strict().parse(JSON.parse(text));
  expect(readFileSync(file("data/selfcheck.json"), "utf8")).toBe(text);
  expect(report.scope).toEqual({ engines: ["bubblewrap"], groups: ["network", "secrets"], quick: true });
  expect(report.summary["bubblewrap"]).toMatchObject({ failed: 0, inconclusive: 0 });

  for (const args of [
    ["--json", file("report.html")],
    [file("report.json"), "--json"],
  ]) {
    const { code, stdout } = await crucible(["selfcheck", "verify", ...args]);
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { ok: true }]);
  }
  for (const name of ["report.json", "report.html"]) {
    expect((await crucible(["selfcheck", "verify", file(name)])).code).toBe(0);
    writeFileSync(
      file(name),
      readFileSync(file(name), "utf8").replace(/"status": "passed"|>passed</, (found) =>
        found.replace("passed", "failed"),
      ),
    );
    expect(await crucible(["selfcheck", "verify", file(name)])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("CHANGED"),
    });
  }
});

it("is carried out by a server that is asked to, in the background, with a report that is the latest", async () => {
  const server = start(["serve", "--port", "0", "--data-dir", join(directory, "served"), "--json"], { stdin: null });
  try {
    await server.sees("\n");
    const { url, apiKey } = JSON.parse(server.seen()) as { url: string; apiKey: string };
    const client = createClient({ baseUrl: url, apiKey });
    await expect(client.getSelfcheck()).rejects.toMatchObject({ code: "not_found" });
    await client.startSelfcheck({ engines: ["bubblewrap"], groups: ["network"], quick: true });
    await expect(client.startSelfcheck()).rejects.toMatchObject({ code: "selfcheck_running" });
    // The server works on meanwhile.
    const source = { language: "python", files: [{ path: "main.py", content: "print(7)" }] };
    expect((await client.createRun(source, { wait: true })).outcome?.stdout).toBe("7\n");
    await expect.poll(async () => (await client.getSelfcheckProgress()).state, { timeout: 60_000 }).toBe("finished");
    expect(await client.getSelfcheckProgress()).toMatchObject({ broken: 0 });
    const report = await client.getSelfcheck();
    expect(report.scope).toEqual({ engines: ["bubblewrap"], groups: ["network"], quick: true });
    expect(report.sha256).toBe(verifyReport(JSON.stringify(report)).actual);
  } finally {
    server.kill("SIGTERM");
    expect((await server.ended).code).toBe(0);
  }
});

it("is not done with an engine that is unknown, not allowed or not named right: exit code 2", async () => {
  for (const [args, message] of [
    [["--engine", "nowhere"], 'there is no engine "nowhere"'],
    [["--engine", "subprocess"], "engine subprocess does not work here"],
    [["--group", "files,kernel"], "It must be one of resources, processes"],
  ] as const) {
    const ended = await crucible(["selfcheck", ...args], { cwd: directory });
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toContain(message);
  }
  expect((await crucible(["selfcheck", "verify", join(directory, "nothing")])).code).toBe(2);
});

it("finds an engine that says it isolates and does not", async () => {
  const options = { languages: await detectLanguages(["python", "bash", "c"]), slots: 8, allowUnsafe: true };
  const makeEngines = (): Engine[] => {
    const engine = createSubprocessEngine({ ...options, bounds: { min: MIN_LIMITS, max: MAX_LIMITS } });
    const pretender: Engine = {
      ...engine,
      name: "pretender",
      isolation: "namespace",
      probe: async () => ({ ...(await engine.probe()), engine: "pretender", isolation: "namespace" }),
    };
    return [pretender];
  };
  let done = 0;
  const { checks, chosen } = await carryOut(
    { engines: null, groups: ["secrets"], quick: true },
    { makeEngines, makeBare: null, signal: new AbortController().signal, onProgress: () => (done += 1) },
  );
  expect(chosen).toEqual(["pretender"]);
  expect(done).toBe(checks.length);
  expect(checks.filter(({ status }) => status === "failed").length).toBeGreaterThan(5);
  expect(exitCodeOf({ summary: countsOf(checks) })).toBe(1);
});
