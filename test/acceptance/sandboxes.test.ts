import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  createClient,
  type Client,
  type Sandbox,
  type SandboxRequestInput,
  type TerminalRequestInput,
} from "@crucible/contract";
import { callCli, CLI, openCrucible, type Crucible } from "./src/crucible.ts";
import { call } from "./src/http.ts";

/** On a busy machine. */
const PATIENT = { timeout: 20_000 };

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
    await expect.poll(async () => (await client.getSandbox(id)).running, PATIENT).toBe(1);
    leaving.abort(new Error("left"));
    await expect(running).rejects.toThrow("left");
    await expect.poll(async () => (await client.getSandbox(id)).running, PATIENT).toBe(0);
    expect((await client.execInSandbox(id, { argv: ["sh", "-c", "cat /proc/[0-9]*/comm"] })).stdout).not.toContain(
      "sleep",
    );
  });

  test("that nobody uses is closed, and one that is used is not", async () => {
    const idle = await open({ idleTimeoutMs: 1_000 });
    const used = await open({ idleTimeoutMs: 1_000 });
    const result = client.execInSandbox(used.id, { argv: ["sleep", "1.5"] });
    await expect
      .poll(async () => (await client.getSandbox(idle.id)).reason, PATIENT)
      .toBe("nothing was asked of it for 1000 ms");
    expect((await result).status).toBe("exited");
  });

  test("ends with its lifetime, also while it is used", async () => {
    const { id } = await open({ lifetimeMs: 1_000 });
    expect(await refused(client.execInSandbox(id, { argv: ["sleep", "60"] }))).toBe("sandbox_ended");
    await expect.poll(async () => (await client.getSandbox(id)).reason, PATIENT).toBe("its lifetime was over");
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

/** Follows a terminal, and waits for what it shows. */
async function terminalIn(id: string, request: TerminalRequestInput = {}) {
  let seen = "";
  const terminal = await client.openTerminal(id, request, { onOutput: (part) => void (seen += text(part)) });
  const shows = async (what: string | RegExp): Promise<void> => {
    await expect.poll(() => seen, PATIENT).toMatch(what);
  };
  return { ...terminal, shows, type: (line: string) => terminal.write(bytes(line)) };
}

describe("a terminal over HTTP", () => {
  test("is one: it echoes, has a size that changes, passes Ctrl-C on, and gives an exit code", async () => {
    const { id } = await open({ env: { PS1: "> " } });
    const terminal = await terminalIn(id, { argv: ["bash", "--norc"], rows: 33, columns: 111 });
    await terminal.shows(/> $/);
    await terminal.type("tty; stty size; pwd\r");
    await terminal.shows(/\/dev\/pts\/\d+\r\n33 111\r\n\/box\/cwd/);
    await terminal.resize({ rows: 44, columns: 99 });
    await terminal.type("stty size; sh -c 'echo st\"\"arted; exec sleep 1000'\r");
    await terminal.shows(/44 99\r\nstarted/);
    await terminal.type("\u0003");
    await terminal.type("exit 9\r");
    expect(await terminal.ended).toMatchObject({ status: "exited", exitCode: 9 });
  });

  test("takes what it started with it when its caller leaves, and the sandbox stays", async () => {
    const { id } = await open();
    const terminal = await terminalIn(id, { argv: ["bash", "--norc"] });
    await terminal.type("setsid sleep 4321 & (sleep 4321 &) ; echo rea''dy\r");
    await terminal.shows(/ready/);
    const alive = async (): Promise<string> =>
      (await client.execInSandbox(id, { argv: ["sh", "-c", "cat /proc/[0-9]*/comm"] })).stdout;
    expect(await alive()).toContain("sleep");
    terminal.kill();
    await expect(terminal.ended).rejects.toThrow("was left");
    await expect.poll(alive, PATIENT).not.toContain("sleep");
    expect((await client.getSandbox(id)).status).toBe("open");
  });

  test("whose program cannot be started says so, and one that floods holds up nobody", async () => {
    const { id } = await open();
    const missing = await terminalIn(id, { argv: ["none"] });
    await expect(missing.ended).rejects.toMatchObject({ code: "file_not_found" });
    const flood = await client.openTerminal(id, { argv: ["yes"] }, { onOutput: () => new Promise(() => undefined) });
    const { stdout } = await client.execInSandbox(id, { argv: ["echo", "here"] });
    expect(stdout).toBe("here\n");
    flood.kill();
    await expect.poll(async () => (await client.getSandbox(id)).running, PATIENT).toBe(0);
  });
});

/** A person at a terminal: types `keys` one after the other, each once what is before it was seen; then gives what was seen. */
const PERSON = `
import fcntl, json, os, pty, signal, struct, sys, termios
argv, steps = json.loads(sys.argv[1]), json.loads(sys.argv[2])
def size(rows, columns): fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
pid, fd = pty.fork()
if pid == 0:
    os.execvp(argv[0], argv)
def late(*_): sys.exit(json.dumps(["too late", wanted, seen]))
signal.signal(signal.SIGALRM, late)
signal.alarm(60)
seen = ""
for wanted, keys in steps:
    while wanted not in seen:
        try: part = os.read(fd, 65536)
        except OSError: part = b""
        if not part: sys.exit(json.dumps([wanted, seen]))
        seen += part.decode("utf-8", "replace")
    seen = seen.split(wanted, 1)[1]
    if isinstance(keys, list): size(*keys)
    else: os.write(fd, keys.encode())
try:
    while os.read(fd, 65536): pass
except OSError: pass
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

describe("the command line", () => {
  test("has a shell in a sandbox of a server, on a real terminal with its size", async () => {
    const { id } = await open({ env: { PS1: "ready> " } });
    const shell = (...args: string[]): string[] => [process.execPath, CLI, "shell", ...args];
    const person = (argv: string[], steps: [string, string | [number, number]][]): string =>
      execFileSync("python3", ["-c", PERSON, JSON.stringify(argv), JSON.stringify(steps)], {
        env: { ...process.env, CRUCIBLE_API_KEY: crucible.apiKey, CRUCIBLE_URL: "" },
        encoding: "utf8",
      });
    const inOpen = shell("--url", crucible.url, "--sandbox", id, "--", "bash", "--norc");
    const code = person(inOpen, [
      ["it stays when the shell ends", [30, 120]],
      ["ready> ", "echo kept > note; sh -c 'echo st\"\"arted; exec sleep 1000'\r"],
      ["started", "\u0003"],
      ["ready> ", "while [ \"$(stty size)\" != '30 120' ]; do :; done; tty\r"],
      ["/dev/pts/", "exit 6\r"],
    ]);
    expect(code).toBe("6\n");
    expect(text(await client.readSandboxFile(id, "note"))).toBe("kept\n");
    const before = (await client.listSandboxes()).sandboxes.length;
    const inNew = shell("--url", crucible.url, "--env", "A=1", "--", "sh", "-c", "echo A is $A; read line; exit $line");
    expect(person(inNew, [["A is 1", "5\r"]])).toBe("5\n");
    expect((await client.listSandboxes()).sandboxes.length).toBe(before);
  });

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
