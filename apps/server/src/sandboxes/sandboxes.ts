import { ApiError, type ExecResult, type Sandbox, type SandboxRequest } from "@crucible/contract";
import type { HostedSession } from "../executor/types.ts";
import type { Log } from "../log.ts";
import { createIdSource } from "../store/ids.ts";
import type { SandboxRecords } from "../store/sandbox-records.ts";
import { fromBytes, toBytes } from "./bytes.ts";
import { createLedger } from "./ledger.ts";
import { createLiveSandbox, type LiveSandbox } from "./live.ts";
import { createTerminals, type Terminals } from "./terminals.ts";
import type { Sandboxes } from "./types.ts";

/** What opens sandboxes in this process. */
export interface SandboxHost {
  /** @throws ApiError */
  readonly open: (engine: string, request: SandboxRequest) => Promise<HostedSession>;
  /** The engine for a request; refuses what this server does not have or allow. @throws ApiError */
  readonly chooseEngine: (request: SandboxRequest) => Promise<string>;
}

export interface SandboxesDeps {
  /** Null in a process without an executor: it tells of sandboxes, and has none. */
  readonly host: SandboxHost | null;
  readonly records: SandboxRecords;
  /** An archive of an enemy's, checked and written afresh. @throws ApiError `bad_archive` */
  readonly cleanArchive: (archive: Uint8Array) => Promise<Uint8Array>;
  /** Told how many are open here. */
  readonly onCount: (open: number) => void;
  /** Told of each program that has ended in a sandbox of this engine. */
  readonly onProgram: (engine: string, result: Pick<ExecResult, "violations" | "behaviourScore">) => void;
  readonly log: Log;
  /** Largest file or archive in a reply, bytes. */
  readonly maxReplyBytes: number;
}

/** One of this process: here until its end is in the database. */
interface Entry {
  readonly live: LiveSandbox;
  readonly terminals: Terminals;
}

/** Sandboxes that stay: those of this process are used and ended here, all are told of from the database. */
export function createSandboxes(deps: SandboxesDeps): Sandboxes & AsyncDisposable {
  const { host, records, log } = deps;
  const nextId = createIdSource("sbx");
  const nextTerminalId = createIdSource("trm");
  const entries = new Map<string, Entry>();
  const ledger = createLedger({ records, onEndSaved: (id) => entries.delete(id), log });
  let closed = false;

  const isOpen = ({ live }: Entry): boolean => live.change().status === "open";
  const count = (): void => deps.onCount([...entries.values()].filter(isOpen).length);
  const stored = async (id: string): Promise<Sandbox> => {
    const sandbox = await records.get(id);
    if (sandbox === null) throw new ApiError("not_found", `there is no sandbox ${id}`);
    return sandbox;
  };
  /** One that can be used, or the reason why not. The database is asked for those alone that are not here. */
  const find = async (id: string): Promise<Entry> => {
    const entry = entries.get(id);
    if (entry !== undefined) return entry;
    const { status, reason } = await stored(id);
    if (status === "open")
      throw new ApiError("sandbox_elsewhere", `sandbox ${id} is open in another process of this Crucible`);
    throw new ApiError("sandbox_ended", `sandbox ${id} has ended: ${reason}`);
  };
  const use = async <T>(id: string, work: (session: HostedSession) => Promise<T>): Promise<T> =>
    (await find(id)).live.use(work);

  const follow = (live: LiveSandbox): void => {
    entries.set(live.id, { live, terminals: createTerminals(nextTerminalId) });
    count();
    void live.ended.then(() => {
      count();
      ledger.note(live);
      return ledger.flush();
    });
  };

  return {
    create: async (request) => {
      if (host === null)
        throw new ApiError("engine_unavailable", "sandboxes live where runs do: ask a process with the role `worker`");
      if (closed) throw new ApiError("shutting_down", "the server is stopping");
      const engine = await host.chooseEngine(request);
      const session = await host.open(engine, request);
      const { id, createdAt } = nextId();
      const live: LiveSandbox = createLiveSandbox({
        id,
        createdAt,
        request,
        session,
        onUsed: () => ledger.note(live),
        log,
      });
      try {
        await records.insert(live.describe());
      } catch (error) {
        // Nobody has its id: one that the database does not know of must not stay.
        await live.close("deleted", "it could not be recorded");
        throw error;
      }
      follow(live);
      log.info({ sandbox: id, engine }, "a sandbox was opened");
      if (closed) await live.close("server_stopped", "the server stopped");
      return live.describe();
    },
    list: async (query) => {
      const page = await records.list(query);
      const sandboxes = page.sandboxes.map((one) => entries.get(one.id)?.live.describe() ?? one);
      return {
        ...page,
        sandboxes: sandboxes.filter(({ status }) => query.status === "any" || status === query.status),
      };
    },
    get: async (id) => entries.get(id)?.live.describe() ?? stored(id),
    remove: async (id) => {
      const entry = entries.get(id);
      if (entry === undefined) {
        const sandbox = await stored(id);
        if (sandbox.status === "open") await find(id);
        return sandbox;
      }
      await entry.live.close("deleted", "it was closed");
      await ledger.flush();
      return entry.live.describe();
    },
    expectOpen: (id) => use(id, async () => undefined),
    exec: (id, { argv, cwd, env, stdin, stdinEncoding, user, timeoutMs }, { signal, onOutput }) =>
      use(id, async (session) => {
        const spec = {
          argv,
          env,
          stdin: toBytes(stdin, stdinEncoding),
          ...(cwd === undefined ? {} : { cwd }),
          ...(user === undefined ? {} : { user }),
          ...(timeoutMs === undefined ? {} : { timeoutMs }),
        };
        const result = await session.exec(spec, { signal, ...(onOutput === undefined ? {} : { onOutput }) });
        const violations = [...result.violations];
        deps.onProgram(session.engine, { violations, behaviourScore: result.behaviourScore });
        const stdout = fromBytes(result.stdout);
        const stderr = fromBytes(result.stderr);
        return {
          ...result,
          stdout: stdout.text,
          stdoutEncoding: stdout.encoding,
          stderr: stderr.text,
          stderrEncoding: stderr.encoding,
          violations,
        } satisfies ExecResult;
      }),
    openTerminal: async (id, request, options) => {
      const { live, terminals } = await find(id);
      const opened = Promise.withResolvers<Awaited<ReturnType<Terminals["open"]>>>();
      // The sandbox is used until the terminal has ended, and no failure to open one goes unheard.
      const using = live.use(async (session) => {
        const terminal = await terminals.open(session, request, options);
        opened.resolve(terminal);
        await terminal.ended.catch(() => undefined);
      });
      using.catch(opened.reject);
      return opened.promise;
    },
    writeToTerminal: async (id, terminal, bytes) => (await find(id)).terminals.write(terminal, bytes),
    resizeTerminal: async (id, terminal, size) => (await find(id)).terminals.resize(terminal, size),
    writeFile: (id, path, content) => use(id, (session) => session.writeFile(path, content)),
    readFile: (id, path) => use(id, (session) => session.readFile(path, deps.maxReplyBytes)),
    listDirectory: (id, path) =>
      use(id, async (session) => {
        const { entries: found, truncated } = await session.list(path);
        const rows = found.map(({ modifiedMs, ...entry }) => ({
          ...entry,
          modifiedAt: new Date(Math.min(modifiedMs, 8.64e15)).toISOString(),
        }));
        return { entries: rows, truncated };
      }),
    readArchive: (id, path) =>
      use(id, async (session) => deps.cleanArchive(await session.pack(path, deps.maxReplyBytes))),
    writeArchive: (id, path, archive) => use(id, (session) => session.unpack(path, archive)),
    [Symbol.asyncDispose]: async () => {
      closed = true;
      await Promise.all([...entries.values()].map(({ live }) => live.close("server_stopped", "the server stopped")));
      await ledger[Symbol.asyncDispose]();
    },
  };
}
