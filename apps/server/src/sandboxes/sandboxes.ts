import { ApiError, type ExecResult, type Sandbox, type SandboxRequest } from "@crucible/contract";
import type { HostedSession } from "../executor/types.ts";
import type { Log } from "../log.ts";
import { createIdSource } from "../store/ids.ts";
import { fromBytes, toBytes } from "./bytes.ts";
import type { Sandboxes } from "./types.ts";

export interface SandboxesDeps {
  /** @throws ApiError */
  readonly open: (engine: string, request: SandboxRequest) => Promise<HostedSession>;
  /** The engine for a request; refuses what this server does not have or allow. @throws ApiError */
  readonly chooseEngine: (request: SandboxRequest) => Promise<string>;
  /** An archive of an enemy's, checked and written afresh. @throws ApiError `bad_archive` */
  readonly cleanArchive: (archive: Uint8Array) => Promise<Uint8Array>;
  /** Told how many are open. */
  readonly onCount: (open: number) => void;
  readonly log: Log;
  /** Largest file or archive in a reply, bytes. */
  readonly maxReplyBytes: number;
}

interface Entry {
  readonly id: string;
  /** Without its variables: those of the ended would stay for long. */
  readonly request: Pick<SandboxRequest, "labels" | "idleTimeoutMs" | "lifetimeMs">;
  readonly session: HostedSession;
  readonly createdAt: Date;
  lastUsedAt: Date;
  endedAt: Date | null;
  reason: string | null;
  closing: string | null;
  running: number;
  idle: NodeJS.Timeout | undefined;
  life: NodeJS.Timeout | undefined;
}

/** Ended ones that are still told of. */
const KEPT_ENDED = 200;

/** Sandboxes that stay, of this process: their ids, time limits, and what is done in them. */
export function createSandboxes(deps: SandboxesDeps): Sandboxes & AsyncDisposable {
  const { log } = deps;
  const nextId = createIdSource("sbx");
  const entries = new Map<string, Entry>();
  let closed = false;

  const open = (): Entry[] => [...entries.values()].filter((entry) => entry.endedAt === null);
  const close = async (entry: Entry, why: string): Promise<void> => {
    entry.closing ??= why;
    await entry.session
      .close()
      .catch((error: unknown) => log.warn({ err: error, sandbox: entry.id }, "closing failed"));
    await entry.session.ended;
  };
  const onEnded = (entry: Entry, reason: string): void => {
    clearTimeout(entry.idle);
    clearTimeout(entry.life);
    entry.endedAt = new Date();
    entry.reason = entry.closing ?? reason;
    log.info({ sandbox: entry.id, reason: entry.reason }, "a sandbox ended");
    deps.onCount(open().length);
    const ended = [...entries.values()].filter((one) => one.endedAt !== null);
    for (const old of ended.slice(0, Math.max(0, ended.length - KEPT_ENDED))) entries.delete(old.id);
  };
  const restartIdle = (entry: Entry): void => {
    clearTimeout(entry.idle);
    entry.lastUsedAt = new Date();
    if (entry.running > 0 || entry.endedAt !== null) return;
    entry.idle = setTimeout(() => {
      void close(entry, `nothing was asked of it for ${entry.request.idleTimeoutMs} ms`);
    }, entry.request.idleTimeoutMs);
    entry.idle.unref();
  };
  const find = (id: string): Entry => {
    const entry = entries.get(id);
    if (entry === undefined) throw new ApiError("not_found", `there is no sandbox ${id} in this process`);
    return entry;
  };
  /** Work in a sandbox, which is not idle meanwhile. */
  const use = async <T>(id: string, work: (session: HostedSession) => Promise<T>): Promise<T> => {
    const entry = find(id);
    if (entry.endedAt !== null || entry.closing !== null)
      throw new ApiError("sandbox_ended", `sandbox ${id} has ended: ${entry.reason ?? entry.closing}`);
    entry.running += 1;
    clearTimeout(entry.idle);
    entry.lastUsedAt = new Date();
    try {
      return await work(entry.session);
    } finally {
      entry.running -= 1;
      restartIdle(entry);
    }
  };

  return {
    create: async (request) => {
      if (closed) throw new ApiError("shutting_down", "the server is stopping");
      const engine = await deps.chooseEngine(request);
      const session = await deps.open(engine, request);
      const { id, createdAt } = nextId();
      const entry: Entry = {
        id,
        request: { labels: request.labels, idleTimeoutMs: request.idleTimeoutMs, lifetimeMs: request.lifetimeMs },
        session,
        createdAt,
        lastUsedAt: createdAt,
        endedAt: null,
        reason: null,
        closing: null,
        running: 0,
        idle: undefined,
        life: undefined,
      };
      entries.set(id, entry);
      entry.life = setTimeout(() => void close(entry, "its lifetime was over"), request.lifetimeMs);
      entry.life.unref();
      restartIdle(entry);
      void session.ended.then((reason) => onEnded(entry, reason));
      log.info({ sandbox: id, engine }, "a sandbox was opened");
      deps.onCount(open().length);
      if (closed) await close(entry, "the server stopped");
      return toSandbox(entry);
    },
    list: () => [...entries.values()].toReversed().map(toSandbox),
    get: (id) => toSandbox(find(id)),
    remove: async (id) => {
      const entry = find(id);
      if (entry.endedAt === null) await close(entry, "it was closed");
      return toSandbox(entry);
    },
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
        const stdout = fromBytes(result.stdout);
        const stderr = fromBytes(result.stderr);
        return {
          ...result,
          stdout: stdout.text,
          stdoutEncoding: stdout.encoding,
          stderr: stderr.text,
          stderrEncoding: stderr.encoding,
        } satisfies ExecResult;
      }),
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
      await Promise.all(open().map((entry) => close(entry, "the server stopped")));
    },
  };
}

function toSandbox(entry: Entry): Sandbox {
  const { id, request, session, createdAt, lastUsedAt, endedAt, reason, running } = entry;
  return {
    id,
    status: endedAt === null ? "running" : "ended",
    engine: session.engine,
    isolation: session.isolation,
    limits: session.limits,
    labels: request.labels,
    idleTimeoutMs: request.idleTimeoutMs,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt.toISOString(),
    endsAt: new Date(createdAt.getTime() + request.lifetimeMs).toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
    reason,
    running,
  };
}
