import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createClient, type Client, type Sandbox, type SandboxRequestInput } from "@crucible/contract";
import { callCli, openCrucible, type Crucible } from "./src/crucible.ts";
import { call } from "./src/http.ts";

let crucible: Crucible;
let client: Client;
const opened: string[] = [];

beforeAll(async () => {
  crucible = await openCrucible();
  client = createClient({ baseUrl: crucible.url, apiKey: crucible.apiKey });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((id) => client.deleteSandbox(id).catch(() => undefined)));
});
afterAll(async () => {
  await crucible[Symbol.asyncDispose]();
});

async function open(request: SandboxRequestInput = {}): Promise<Sandbox> {
  const sandbox = await client.createSandbox(request);
  opened.push(sandbox.id);
  return sandbox;
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (content: Uint8Array): string => new TextDecoder().decode(content);
const refused = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => `nothing was refused: ${JSON.stringify(value)}`,
    (error: unknown) => (error as { code?: unknown }).code,
  );

describe("a sandbox that stays", () => {
  test("is opened, told of, used by several programs, and closed", async () => {
    const sandbox = await open({ labels: { suite: "acceptance" }, env: { COLOUR: "green" }, language: "python" });
    expect(sandbox).toMatchObject({ status: "open", isolation: "namespace", reason: null, running: 0 });
    expect(sandbox.id).toMatch(/^sbx_/);
    expect((await client.listSandboxes()).sandboxes.map(({ id }) => id)).toContain(sandbox.id);
    const first = await client.execInSandbox(sandbox.id, {
      argv: ["python3", "-c", "import os,sys; open('kept','w').write(sys.stdin.read()); print(os.environ['COLOUR'])"],
      stdin: "ä",
    });
    expect(first).toMatchObject({ status: "exited", exitCode: 0, stdout: "green\n", stderr: "" });
    const second = await client.execInSandbox(sandbox.id, { argv: ["cat", "kept"], cwd: "/box/cwd" });
    expect(second.stdout).toBe("ä");
    expect(await client.deleteSandbox(sandbox.id)).toMatchObject({
      status: "closed",
      endedBy: "deleted",
      reason: "it was closed",
    });
    expect(await refused(client.execInSandbox(sandbox.id, { argv: ["true"] }))).toBe("sandbox_ended");
    expect(await client.getSandbox(sandbox.id)).toMatchObject({ status: "closed" });
  });

  test("gives output as it comes, and the result at the end", async () => {
    const { id } = await open();
    const answer = await call(crucible, "POST", `/api/v1/sandboxes/${id}/exec?stream=true`, {
      body: { argv: ["sh", "-c", "echo one; printf '\\377' >&2; exit 4"] },
    });
    expect(answer.headers.get("content-type")).toContain("text/event-stream");
    expect(answer.text).toContain('event: output\ndata: {"stream":"stdout","text":"one\\n","encoding":"utf8"}');
    expect(answer.text).toContain('{"stream":"stderr","text":"/w==","encoding":"base64"}');
    expect(answer.text).toMatch(/event: result\ndata: .*"exitCode":4.*\n\n$/);
  });

  test("takes and gives files, directories and archives", async () => {
    const { id } = await open();
    await client.writeSandboxFile(id, "a/b.bin", new Uint8Array([0, 255, 10]));
    expect([...(await client.readSandboxFile(id, "a/b.bin"))]).toEqual([0, 255, 10]);
    expect((await client.listSandboxDirectory(id, "a")).entries).toMatchObject([{ name: "b.bin", sizeBytes: 3 }]);
    const archive = await client.readSandboxArchive(id, ".");
    const other = await open();
    await client.writeSandboxArchive(other.id, archive, "/tmp");
    expect([...(await client.readSandboxFile(other.id, "/tmp/a/b.bin"))]).toEqual([0, 255, 10]);
  });

  test("whose program's caller leaves ends the program, and stays itself", async () => {
    const { id } = await open();
    const leaving = new AbortController();
    const running = client.execInSandbox(id, { argv: ["sleep", "60"] }, { signal: leaving.signal });
    await expect.poll(async () => (await client.getSandbox(id)).running).toBe(1);
    leaving.abort(new Error("left"));
    await expect(running).rejects.toThrow("left");
    await expect.poll(async () => (await client.getSandbox(id)).running).toBe(0);
    expect((await client.execInSandbox(id, { argv: ["sh", "-c", "cat /proc/[0-9]*/comm"] })).stdout).not.toContain(
      "sleep",
    );
  });

  test("that nobody uses is closed, and one that is used is not", async () => {
    const idle = await open({ idleTimeoutMs: 1_000 });
    const used = await open({ idleTimeoutMs: 1_000 });
    const result = client.execInSandbox(used.id, { argv: ["sleep", "1.5"] });
    await expect
      .poll(async () => (await client.getSandbox(idle.id)).reason, { timeout: 10_000 })
      .toBe("nothing was asked of it for 1000 ms");
    expect((await result).status).toBe("exited");
  });

  test("ends with its lifetime, also while it is used", async () => {
    const { id } = await open({ lifetimeMs: 1_000 });
    expect(await refused(client.execInSandbox(id, { argv: ["sleep", "60"] }))).toBe("sandbox_ended");
    await expect.poll(async () => (await client.getSandbox(id)).reason).toBe("its lifetime was over");
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ["a language that nobody knows", () => open({ language: "klingon" }), "unknown_language"],
    ["a level that is not here", () => open({ isolation: { atLeast: "microvm" } }), "isolation_unavailable"],
    ["an engine without such sandboxes", () => open({ isolation: { engine: "subprocess" } }), "engine_unavailable"],
    ["a limit that is too high", () => open({ limits: { pids: 1_000_000 } }), "limit_too_high"],
    ["a network that is not allowed", () => open({ network: { allow: ["example.org:443"] } }), "network_not_allowed"],
    ["an id that nobody has", () => client.getSandbox(`sbx_${"0".repeat(26)}`), "not_found"],
  ])("is not opened for %s", async (_what, use, code) => {
    expect(await refused(use())).toBe(code);
  });

  test.each<[string, (id: string) => Promise<unknown>, string]>([
    ["a program that is not there", (id) => client.execInSandbox(id, { argv: ["none"] }), "file_not_found"],
    ["another user", (id) => client.execInSandbox(id, { argv: ["id"], user: "root" }), "permission_denied"],
    ["no program", (id) => client.execInSandbox(id, { argv: [] }), "invalid_request"],
    ["a file that is not there", (id) => client.readSandboxFile(id, "none"), "file_not_found"],
    ["a directory", (id) => client.readSandboxFile(id, "/tmp"), "is_a_directory"],
    ["a device", (id) => client.readSandboxFile(id, "/dev/zero"), "not_a_file"],
    ["a read-only place", (id) => client.writeSandboxFile(id, "/usr/x", bytes("")), "permission_denied"],
    ["what is no archive", (id) => client.writeSandboxArchive(id, bytes("x")), "bad_archive"],
    ["a list of a file", (id) => client.listSandboxDirectory(id, "/etc/passwd"), "not_a_directory"],
  ])("refuses %s with a typed error, and lives on", async (_what, use, code) => {
    const { id } = await open();
    expect(await refused(use(id))).toBe(code);
    expect((await client.execInSandbox(id, { argv: ["true"] })).status).toBe("exited");
  });

  test("gives a result, not an error, for a program that took too long", async () => {
    const { id } = await open();
    const result = await client.execInSandbox(id, { argv: ["sleep", "60"], timeoutMs: 300 });
    expect(result).toMatchObject({ status: "timed_out", exitCode: null });
  });

  test("follows no link on the server: it is read where the program sees it", async () => {
    const { id } = await open();
    await client.execInSandbox(id, { argv: ["ln", "-s", "/etc/hostname", "out"] });
    expect(text(await client.readSandboxFile(id, "out"))).toBe("sandbox\n");
  });

  test("takes bytes for files alone", async () => {
    const { id } = await open();
    const wrong = await call(crucible, "PUT", `/api/v1/sandboxes/${id}/files?path=x`, { body: { a: 1 } });
    expect(wrong).toMatchObject({ status: 415, json: { error: { code: "unsupported_media_type" } } });
    const json = await call(crucible, "POST", "/api/v1/sandboxes", {
      raw: bytes("{}") as Uint8Array<ArrayBuffer>,
      headers: { "content-type": "application/octet-stream" },
    });
    expect(json.status).toBe(415);
  });
});

describe("the command line", () => {
  test("opens, uses and closes a sandbox of a server", async () => {
    const directory = await mkdtemp(join(tmpdir(), "crucible-sandbox-"));
    const file = join(directory, "in.txt");
    await writeFile(file, "carried");
    try {
      const created = await callCli(crucible, ["sandbox", "create", "--env", "A=1"]);
      const id = created.stdout.trim();
      expect(id).toMatch(/^sbx_/);
      expect((await callCli(crucible, ["sandbox", "put", id, file, "d/f"])).code).toBe(0);
      const ran = await callCli(crucible, ["exec", "--sandbox", id, "--", "sh", "-c", "cat d/f; echo $A; exit 3"]);
      expect(ran).toMatchObject({ code: 3, stdout: "carried1\n" });
      expect((await callCli(crucible, ["sandbox", "get", id, "d/f"])).stdout).toBe("carried");
      expect((await callCli(crucible, ["sandbox", "get", id, "d/f", file])).code).not.toBe(0);
      expect((await callCli(crucible, ["sandbox", "list"])).stdout).toContain(`${id}  open`);
      expect((await callCli(crucible, ["sandbox", "close", id])).stdout).toContain("it was closed");
      const late = await callCli(crucible, ["exec", "--sandbox", id, "--", "true"]);
      expect(late.code).toBe(125);
      expect(late.stderr).toContain("has ended");
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
