import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { CONTAINER_PREFIX } from "../src/oci/container.ts";
import { createCrunEngine, createGvisorEngine, createRuncEngine } from "../src/oci/engine.ts";
import type { ExecResult, Session, SessionSpec } from "../src/session/types.ts";
import { code } from "../src/testing/programs.ts";
import type { Engine } from "../src/types.ts";

const common = { languages: [], bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 1, sessions: 2 };
const open: Session[] = [];

async function start(engine: Engine, spec: SessionSpec = {}): Promise<Session> {
  const session = await engine.openSession?.(spec);
  if (session === undefined) throw new Error("the engine has no sessions");
  open.push(session);
  return session;
}
const python = (session: Session, source: string): Promise<ExecResult> =>
  session.exec({ argv: ["python3", "-c", source] });
const out = (result: ExecResult): string => Buffer.from(result.stdout).toString();

/** Host processes of containers of ours. */
const containers = (): string[] =>
  readdirSync("/proc").filter((name) => {
    try {
      return readFileSync(`/proc/${name}/cmdline`, "latin1").includes(`${CONTAINER_PREFIX}p${process.pid}-`);
    } catch {
      return false;
    }
  });

afterEach(async () => {
  await Promise.all(open.splice(0).map((session) => session.close()));
});

describe("a session on gVisor", () => {
  const engine = createGvisorEngine(common);
  beforeEach(async (context) => {
    const { available, reason } = await engine.probe();
    if (!available && process.env["CI"] !== "true") context.skip(`gvisor is not available: ${reason}`);
  });
  afterAll(() => engine.close());

  test("that forks without end is ended, and nothing of it is left on the host", async () => {
    const session = await start(engine, { limits: { pids: 32 } });
    expect(containers()).not.toEqual([]);
    const bomb = session.exec({ argv: ["sh", "-c", "f() { f | f & }; f; sleep 60"], timeoutMs: 500 });
    await bomb.then(
      ({ status }) => expect(status).toBe("timed_out"),
      (error: unknown) => expect(error).toMatchObject({ code: "session_ended" }),
    );
    await session.close();
    expect(containers()).toEqual([]);
  });

  test("has no more processes than its limit, with a supervisor for each", async () => {
    const session = await start(engine, { limits: { pids: 10 } });
    const fork = code`
      import os, signal
      forked = 0
      try:
          for _ in range(100):
              if os.fork() == 0: signal.pause()
              forked += 1
      except OSError: pass
      print(forked, flush=True)
      os.kill(0, signal.SIGKILL)
    `;
    // 21, less process 1, the supervisor and the program itself.
    expect(out(await python(session, fork))).toBe("18\n");
  });

  test("that takes too much memory ends as a whole, and says why", async () => {
    const session = await start(engine, { limits: { memoryBytes: 96 * 1024 * 1024 } });
    const result = python(session, "x = []\nwhile True: x.append(bytearray(b'x' * (1 << 20)))");
    await expect(result).rejects.toMatchObject({ code: "session_ended" });
    expect(await session.ended).toBe("it was out of memory");
  });

  test("gives no program the memory or a descriptor of process 1, and ends alone when one ends it", async () => {
    const [session, other] = [await start(engine), await start(engine)];
    const look = code`
      import os
      for path in ("/proc/1/mem", "/proc/1/fd/3", f"/proc/{os.getppid()}/mem", f"/proc/{os.getppid()}/fd/4"):
          try:
              with open(path, "rb") as file: print(path, file.read(1))
          except OSError: pass
      print("looked")
    `;
    expect(out(await python(session, look))).toBe("looked\n");
    await expect(python(session, "import os; os.kill(1, 9); os.wait()")).rejects.toMatchObject({
      code: "session_ended",
    });
    expect(out(await python(other, "print('alive')"))).toBe("alive\n");
  });

  test("has terminals: with echo, a size and an exit code", async () => {
    const session = await start(engine);
    const prompted = Promise.withResolvers<void>();
    let seen = "";
    const terminal = await session.openTerminal({ argv: ["bash", "--norc"] }, { rows: 24, columns: 80 }, (part) => {
      seen += Buffer.from(part).toString();
      if (seen.endsWith("$ ")) prompted.resolve();
    });
    await prompted.promise;
    terminal.resize({ rows: 33, columns: 111 });
    await terminal.write(Buffer.from("tty; stty size; exit 9\n"));
    expect(await terminal.ended).toMatchObject({ status: "exited", exitCode: 9 });
    expect(seen).toMatch(/\/dev\/pts\/\d+\r\n33 111/);
  });

  test("is refused where it wants a network", async () => {
    await using own = createGvisorEngine({ ...common, network: { allow: ["good.example:80"] } });
    await expect(own.openSession?.({ network: { allow: ["good.example:80"] } })).rejects.toMatchObject({
      code: "engine_unavailable",
    });
  });
});

test("a session on runc reaches what its allow-list names, and nothing else", async (context) => {
  const server = createServer((_request, response) => response.end("from outside")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await using engine = createRuncEngine({
    ...common,
    network: {
      allow: ["good.example:80"],
      outside: { lookup: async () => ["1.1.1.1"], route: () => ({ host: "127.0.0.1", port }) },
    },
  });
  const { available, reason } = await engine.probe();
  if (!available && process.env["CI"] !== "true") return context.skip(`runc is not available: ${reason}`);
  const fetch = code`
    import urllib.request
    for name in ("good", "bad"):
        try: print(urllib.request.urlopen(f"http://{name}.example/", timeout=5).read().decode())
        except OSError as error: print(error)
  `;
  const session = await start(engine, { network: { allow: ["good.example:80"] } });
  expect(out(await python(session, fetch))).toBe("from outside\nHTTP Error 403: Forbidden\n");
  const without = await start(engine);
  expect(out(await python(without, fetch))).not.toContain("from outside");
  server.closeAllConnections();
  server.close();
});

test("a session on crun runs programs where crun can, and is refused where it cannot", async () => {
  await using engine = createCrunEngine(common);
  if ((await engine.probe()).available) {
    expect(out(await python(await start(engine), "print('ran')"))).toBe("ran\n");
  } else await expect(engine.openSession?.({})).rejects.toThrow(/\w/);
});
