import { readdirSync, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createBubblewrapEngine } from "../src/bubblewrap/engine.ts";
import { createDockerEngine } from "../src/docker/engine.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { CONTAINER_PREFIX } from "../src/oci/container.ts";
import { createGvisorEngine, createRuncEngine } from "../src/oci/engine.ts";
import { GVISOR_SESSION_EXCEPTIONS } from "../src/oci/promises.ts";
import { readTar } from "../src/tar/read.ts";
import type { ExecResult, ExecSpec, Session, SessionSpec } from "../src/session/types.ts";
import { createSubprocessEngine } from "../src/subprocess/engine.ts";
import type { Engine } from "../src/types.ts";
import { IMAGE, missingForDocker, startDockerd } from "./fixtures/docker/daemon.ts";
import type { Daemon } from "./fixtures/docker/daemon.ts";

const noDocker = missingForDocker();
if (noDocker !== null && process.env["CI"] === "true") throw new Error(noDocker);
let daemon: Daemon | undefined;
beforeAll(async () => {
  if (noDocker === null) daemon = await startDockerd({ hasCompilers: false });
});
afterAll(() => daemon?.[Symbol.asyncDispose]());

const common = { languages: [], bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1 };
const NOTHING: Readonly<Record<string, string>> = {};
const createDocker = (options: Parameters<typeof createBubblewrapEngine>[0]): Engine =>
  createDockerEngine({
    ...options,
    docker: daemon === undefined ? undefined : { host: daemon.host, images: { "*": IMAGE } },
  });
const ENGINES = [
  { name: "bubblewrap", create: createBubblewrapEngine, seesHostKernel: true, exceptions: NOTHING },
  { name: "runc", create: createRuncEngine, seesHostKernel: true, exceptions: NOTHING },
  { name: "gvisor", create: createGvisorEngine, seesHostKernel: false, exceptions: GVISOR_SESSION_EXCEPTIONS },
  { name: "docker", create: createDocker, seesHostKernel: true, exceptions: NOTHING },
] as const;

let engine: Engine;
const open: Session[] = [];

async function start(...args: Parameters<NonNullable<Engine["openSession"]>>): Promise<Session> {
  const session = await engine.openSession?.(...args);
  if (session === undefined) throw new Error("the engine has no sessions");
  open.push(session);
  return session;
}
const sh = (session: Session, script: string, more: Partial<ExecSpec> = {}): Promise<ExecResult> =>
  session.exec({ argv: ["sh", "-c", script], ...more });
const out = (result: ExecResult): string => Buffer.from(result.stdout).toString();
const bytes = (text: string): Buffer => Buffer.from(text);

/** Host processes whose command line holds this text. */
function hostProcesses(text: string): string[] {
  return readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, "latin1").includes(text);
    } catch {
      return false;
    }
  });
}

describe.each(ENGINES)("on $name", ({ name, create, seesHostKernel, exceptions }) => {
  beforeAll(() => {
    engine = create({ ...common, sessions: 3 });
  });
  beforeEach(async (context) => {
    const { available, reason } = await engine.probe();
    if (!available && process.env["CI"] !== "true") context.skip(`${name} is not available: ${reason}`);
    const exception = exceptions[context.task.name];
    if (exception !== undefined) context.skip(exception);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((session) => session.close()));
  });
  afterAll(() => engine.close());

  /** One session for tests of requests that change nothing in it. */
  const oneForAll = (spec: SessionSpec): (() => Session) => {
    let session: Session | undefined;
    beforeAll(async () => {
      if ((await engine.probe()).available) session = await engine.openSession?.(spec);
    });
    afterAll(() => session?.close());
    return () => {
      if (session === undefined) throw new Error("no session was opened");
      return session;
    };
  };
  /** What there is of this command: on the host, or inside where programs are no processes of the host. */
  const processes = async (session: Session, text: string): Promise<string[]> => {
    if (seesHostKernel) return hostProcesses(text);
    const found = out(await sh(session, "cat /proc/[0-9]*/cmdline"));
    return found.includes(text) ? [found] : [];
  };
  /** What the host shows of a session with this command in it. */
  const traceOf = (text: string): string => (seesHostKernel ? text : `${CONTAINER_PREFIX}p${process.pid}-`);
  const isThere = (text: string): Promise<void> =>
    vi.waitFor(() => expect(hostProcesses(traceOf(text))).not.toEqual([]), 10_000);

  describe("a program in a session", () => {
    test("gets its arguments, input, variables and directory, and gives its output and exit code", async () => {
      const session = await start({ env: { COLOUR: "green" } });
      await session.writeFile("sub/x", bytes(""));
      const result = await session.exec({
        argv: ["sh", "-c", 'printf "%s|" "$@"; echo "$COLOUR $SIZE $PWD"; cat >&2; exit 3', "sh", "a b", "", "$(id)"],
        cwd: "sub",
        env: { SIZE: "7" },
        stdin: bytes("input"),
      });
      expect(out(result)).toBe("a b||$(id)|green 7 /box/cwd/sub\n");
      expect(Buffer.from(result.stderr).toString()).toBe("input");
      expect(result).toMatchObject({ status: "exited", exitCode: 3, signal: null, stdoutTruncated: false });
    });

    test("finds what the one before it left: files, and what runs in the background", async () => {
      const session = await start({});
      await sh(session, "echo kept > note; sleep 1234.5 >/dev/null 2>&1 &");
      expect(out(await sh(session, "cat note; cat /proc/[0-9]*/cmdline | tr '\\0' ' '"))).toMatch(
        /^kept\n.*sleep 1234\.5/s,
      );
    });

    test("runs beside others, and their output does not mix", async () => {
      const session = await start({});
      const results = await Promise.all(
        Array.from({ length: 8 }, (_, n) => sh(session, `for i in 1 2 3; do echo ${n}; sleep 0.05; done`)),
      );
      expect(results.map(out)).toEqual(Array.from({ length: 8 }, (_, n) => `${n}\n`.repeat(3)));
    });

    test("streams its output while it runs, and is ended with all it started when it is cancelled", async () => {
      const session = await start({});
      const cancel = new AbortController();
      let seen = "";
      const result = await session.exec(
        { argv: ["sh", "-c", "echo first; setsid sleep 4321.5 & wait"] },
        {
          signal: cancel.signal,
          onOutput: (_stream, part) => {
            seen += Buffer.from(part).toString();
            cancel.abort();
          },
        },
      );
      expect(seen).toBe("first\n");
      expect(result).toMatchObject({ status: "cancelled", exitCode: null });
      expect(await processes(session, "4321.5")).toEqual([]);
    });

    test("that takes too long is ended with its children, however they hide", async () => {
      const session = await start({});
      const result = await sh(session, "(setsid sleep 5432.5 &) ; setsid sh -c 'sleep 5432.5 & wait' & sleep 5432.5", {
        timeoutMs: 400,
      });
      expect(result.status).toBe("timed_out");
      expect(await processes(session, "5432.5")).toEqual([]);
      expect(out(await sh(session, "echo alive"))).toBe("alive\n");
    });

    test("that forks without end is ended, and the session lives on", async () => {
      const session = await start({ limits: { pids: 48 } });
      expect((await sh(session, "f() { f | f & }; f; sleep 60", { timeoutMs: 800 })).status).toBe("timed_out");
      expect(out(await sh(session, "echo alive"))).toBe("alive\n");
    });

    test("that writes too much is ended there", async () => {
      const session = await start({ limits: { stdoutBytes: 1000 } });
      const result = await sh(session, "yes");
      expect(result).toMatchObject({ status: "output_exceeded", stdoutTruncated: true });
      expect(result.stdout).toHaveLength(1000);
    });

    test("that takes too much memory is ended, and process 1 is not", async () => {
      const session = await start({ limits: { memoryBytes: 64 * 1024 * 1024 } });
      const bomb = "x = []\nwhile True: x.append(bytearray(1 << 20))";
      expect((await session.exec({ argv: ["python3", "-c", bomb] })).status).toBe("out_of_memory");
      expect(out(await sh(session, "echo alive"))).toBe("alive\n");
    });

    test("that ends its supervisor ends everything in the sandbox, and the session lives on", async () => {
      const session = await start({});
      const other = session.exec({ argv: ["sleep", "6543.5"] });
      const result = await sh(session, "kill -9 $PPID; sleep 6543.5");
      expect(result).toMatchObject({ status: "signaled", signal: "SIGKILL" });
      expect((await other).status).toBe("signaled");
      expect(await processes(session, "6543.5")).toEqual([]);
      expect(out(await sh(session, "echo alive"))).toBe("alive\n");
    });

    test("cannot reach process 1: no signal, no memory, no descriptor of it", async () => {
      const session = await start({});
      const script = "kill -9 1; cat /proc/1/mem /proc/1/environ; ls /proc/1/fd; ls /proc/$PPID/fd; echo done";
      const result = await sh(session, script);
      expect(out(result)).toBe("done\n");
      expect(
        Buffer.from(result.stderr)
          .toString()
          .match(/Permission denied|cannot open/g)?.length,
      ).toBeGreaterThanOrEqual(4);
    });
  });

  describe("a request to run", () => {
    const session = oneForAll({});

    test.each<[string, ExecSpec, string]>([
      ["a program that is not there", { argv: ["no-such-program"] }, "not_found"],
      ["a file that is no program", { argv: ["/etc/passwd"] }, "permission_denied"],
      ["a directory that is not there", { argv: ["true"], cwd: "none" }, "not_found"],
      ["another user", { argv: ["true"], user: "root" }, "permission_denied"],
      ["no program", { argv: [] }, "failed"],
      ["NUL in an argument", { argv: ["echo", "a\0b"] }, "failed"],
      ["a time-out over the limit", { argv: ["true"], timeoutMs: 1e9 }, "failed"],
      ["a variable without a name", { argv: ["true"], env: { "A=B": "c" } }, "failed"],
    ])("%s is a typed error", async (_what, spec, code) => {
      await expect(session().exec(spec)).rejects.toMatchObject({ name: "SessionError", code });
      expect(session().running).toBe(0);
    });
  });

  describe("files of a session", () => {
    test("come back as they went in, with their directories", async () => {
      const session = await start({});
      const content = Buffer.alloc(3_000_001, 7);
      await session.writeFile("a/b/ünïcode name", content, 0o755);
      expect(Buffer.from(await session.readFile("/box/cwd/a/b/ünïcode name", content.length)).equals(content)).toBe(
        true,
      );
      expect(await session.list("a/b")).toMatchObject({
        truncated: false,
        entries: [{ name: "ünïcode name", kind: "file", sizeBytes: content.length, mode: 0o755 }],
      });
    });

    test("are those inside, wherever a link leads", async () => {
      const session = await start({});
      await sh(session, "ln -s /etc/hostname there; ln -s /box/cwd/real gone");
      expect(Buffer.from(await session.readFile("there", 100)).toString()).toBe("sandbox\n");
      await session.writeFile("gone", bytes("x"));
      expect(out(await sh(session, "cat real"))).toBe("x");
    });

    test("travel as an archive from one session into another", async () => {
      const one = await start({});
      await one.writeFile("d/f", bytes("carried"), 0o700);
      const archive = await one.pack(".", 1_000_000);
      const names: string[] = [];
      for await (const entry of readTar(Readable.from([archive]))) names.push(entry.path);
      expect(names).toContain("d/f");
      const two = await start({});
      await two.unpack("/box/build", archive);
      expect(Buffer.from(await two.readFile("/box/build/d/f", 100)).toString()).toBe("carried");
    });
  });

  describe("a request for files", () => {
    const session = oneForAll({ limits: { diskBytes: 1_000_000 } });

    test.each([
      ["a directory", (session: Session) => session.readFile("/box", 10), "is_a_directory"],
      ["a file that is not there", (session: Session) => session.readFile("none", 10), "not_found"],
      ["a device", (session: Session) => session.readFile("/dev/zero", 10), "not_a_file"],
      ["memory of process 1", (session: Session) => session.readFile("/proc/1/mem", 10), "permission_denied"],
      ["more than was asked for", (session: Session) => session.readFile("/usr/bin/env", 10), "output_limit"],
      [
        "a FIFO that nobody reads",
        async (session: Session) => {
          await sh(session, "mkfifo fifo");
          await session.writeFile("fifo", bytes("x"));
        },
        "not_a_file",
      ],
      ["a read-only place", (session: Session) => session.writeFile("/usr/x", bytes("")), "permission_denied"],
      ["a directory to write to", (session: Session) => session.writeFile("/box/tmp", bytes("")), "is_a_directory"],
      ["a file as a directory", (session: Session) => session.writeFile("/etc/passwd/x", bytes("")), "not_a_directory"],
      ["more than fits", (session: Session) => session.writeFile("big", Buffer.alloc(2_000_000)), "disk_full"],
      ["NUL in a path", (session: Session) => session.readFile("a\0b", 10), "failed"],
      ["a list of a file", (session: Session) => session.list("/etc/passwd"), "not_a_directory"],
      ["an archive of nothing", (session: Session) => session.pack("none", 1_000), "not_found"],
      ["an archive that is too large", (session: Session) => session.pack("/usr/bin", 1_000), "output_limit"],
      ["what is no archive", (session: Session) => session.unpack(".", bytes("no tar")), "bad_archive"],
    ] as const)("%s is a typed error", async (_what, use, code) => {
      await expect(use(session())).rejects.toMatchObject({ name: "SessionError", code });
      expect(out(await sh(session(), "echo alive"))).toBe("alive\n");
    });
  });

  describe("a terminal", () => {
    test("is one: it echoes, has a size, and passes Ctrl-C on", async () => {
      const session = await start({});
      let seen = "";
      const prompted = Promise.withResolvers<void>();
      const started = Promise.withResolvers<void>();
      const terminal = await session.openTerminal({ argv: ["bash", "--norc"] }, { rows: 24, columns: 80 }, (part) => {
        seen += Buffer.from(part).toString();
        if (/^started/m.test(seen)) started.resolve();
        if (seen.endsWith("$ ")) prompted.resolve();
      });
      await prompted.promise;
      terminal.resize({ rows: 33, columns: 111 });
      await terminal.write(bytes("tty; stty size; sh -c 'echo st\"\"arted; exec sleep 1000'\n"));
      await started.promise;
      await terminal.write(bytes("\x03"));
      await terminal.write(bytes("exit 9\n"));
      expect(await terminal.ended).toMatchObject({ status: "exited", exitCode: 9 });
      expect(seen).toMatch(/\/dev\/pts\/\d+\r\n33 111/);
      expect(seen).toContain("^C");
    });

    test("whose output nobody takes waits, and takes no input without end; others go on", async () => {
      const session = await start({});
      let seen = 0;
      const flooded = Promise.withResolvers<void>();
      const size = { rows: 24, columns: 80 };
      const terminal = await session.openTerminal({ argv: ["sh", "-c", "stty -echo; yes"] }, size, (part) => {
        seen += part.length;
        if (seen > 512 * 1024) flooded.resolve();
      });
      await flooded.promise;
      // It has stopped once the agent has answered others twice over and nothing more has come.
      for (let before = 0; before < seen;) {
        before = seen;
        expect((await session.exec({ argv: ["sleep", "0.2"] })).status).toBe("exited");
      }
      expect(seen).toBeLessThan(4 * 1024 * 1024);
      const lines = bytes("x\n".repeat(32 * 1024));
      const stuck: Promise<void>[] = [];
      const refused = Promise.withResolvers<unknown>();
      for (let n = 0; n < 4; n += 1)
        stuck.push(terminal.write(lines).catch((error: unknown) => refused.resolve(error)));
      expect(await refused.promise).toMatchObject({ code: "input_full" });
      terminal.kill();
      expect(await terminal.ended).toMatchObject({ status: "cancelled" });
      await Promise.all(stuck);
    });

    test("goes on when its output is taken: all of it comes", async () => {
      const session = await start({});
      let seen = 0;
      const size = { rows: 24, columns: 80 };
      const program = "import sys; sys.stdout.write('x' * 3_000_000)";
      const terminal = await session.openTerminal({ argv: ["python3", "-c", program] }, size, (part) => {
        seen += part.length;
        setImmediate(() => terminal.taken(part.length));
      });
      expect(await terminal.ended).toMatchObject({ status: "exited", exitCode: 0 });
      expect(seen).toBe(3_000_000);
    });
  });

  describe("a session", () => {
    test("that is closed takes everything with it, and says so to those who still ask", async () => {
      const session = await start({});
      const running = session.exec({ argv: ["sleep", "7654.5"] });
      await isThere("7654.5");
      const [refused] = await Promise.allSettled([running, session.close()]);
      expect(refused).toMatchObject({ status: "rejected", reason: { code: "session_ended" } });
      expect(await session.ended).toBe("it was closed");
      expect(hostProcesses(traceOf("7654.5"))).toEqual([]);
      await expect(session.exec({ argv: ["true"] })).rejects.toMatchObject({ code: "session_ended" });
    });

    test("sees nothing of another", async () => {
      const [one, two] = await Promise.all([start({}), start({})]);
      await sh(one, "echo secret > /tmp/s; echo secret > /dev/shm/s; sleep 8765.5 >/dev/null 2>&1 &");
      expect(out(await sh(two, "echo /tmp/* /dev/shm/*; cat /proc/[0-9]*/cmdline"))).not.toMatch(/\/s\b|8765/);
    });

    test("has no network and cannot fill /dev", async () => {
      const session = await start({});
      const result = await sh(session, "cat /proc/net/dev | tail -n +3 | cut -d: -f1; echo x > /dev/file; echo $?");
      expect(out(result)).toMatch(/^\s*lo\n[12]\n$/);
    });

    test("beyond what can be open is refused, and there is room again after one is closed", async () => {
      const [first] = await Promise.all([start({}), start({}), start({})]);
      await expect(start({})).rejects.toMatchObject({ name: "TooManySessionsError" });
      await first?.close();
      await start({});
    });

    test("leaves no control group and no process behind when the engine closes", async () => {
      const own = create(common);
      const session = await own.openSession?.({});
      void session?.exec({ argv: ["sleep", "9876.5"] }).catch(() => undefined);
      await isThere("9876.5");
      await own.close();
      expect(hostProcesses(traceOf("9876.5"))).toEqual([]);
      expect(await session?.ended).toBe("it was closed");
    });
  });
});

test("a session is refused by an engine that has none", async () => {
  await using subprocess = createSubprocessEngine({ ...common, allowUnsafe: true });
  await expect(subprocess.openSession?.({})).rejects.toMatchObject({ code: "engine_unavailable" });
});
