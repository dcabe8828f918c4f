import { watchProgram } from "../behaviour/session-signs.ts";
import type { SandboxSigns } from "../behaviour/session-signs.ts";
import type { RunGroup } from "../cgroup/types.ts";
import { createKeptBytes } from "../process/kept-bytes.ts";
import type { IsolationLevel, Limits, OutputStream } from "../types.ts";
import type { Agent, Program, ProgramEnd, StartRequest } from "./agent.ts";
import { SessionError } from "./errors.ts";
import { createTerminalInput, createTerminalOutput } from "./terminal-flow.ts";
import type { ExecResult, ExecSpec, ExecStatus, Session } from "./types.ts";

/** A started sandbox with an agent in it, as an engine hands it over. */
export interface SessionParts {
  readonly engine: string;
  readonly isolation: IsolationLevel;
  readonly limits: Limits;
  readonly agent: Agent;
  readonly group: RunGroup | null;
  readonly signs: SandboxSigns;
  /** Processes that were killed for want of memory so far, for a group that knows only afterwards; default: the group's. */
  readonly oomKills?: () => Promise<number>;
  /** Of every program. */
  readonly env: Readonly<Record<string, string>>;
  readonly rlimits: StartRequest["rlimits"];
  /** Inside. */
  readonly cwd: string;
  /** Ends everything inside. */
  kill(reason: string): void;
  readonly ended: Promise<string>;
  close(): Promise<void>;
}

/** The one user that there is inside. */
const USERS = ["box", "1000", "1000:1000"];
const MAX_ARGV_BYTES = 1024 * 1024;
const MAX_STDIN_BYTES = 64 * 1024 * 1024;
/** From the order to end a program to its end; the agent has ended everything by then. */
const KILL_DEADLINE_MS = 5_000;
const FILE_DEADLINE_MS = 60_000;
/** Of what tar says; the first 500 characters are passed on. */
const MAX_WORDS_BYTES = 4_096;
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Keeps the first bytes of a stream. */
function createKeep(limitBytes: number, onFull: () => void) {
  const kept = createKeptBytes(limitBytes);
  let truncated = false;
  return {
    add: (bytes: Uint8Array): Uint8Array => {
      const part = kept.add(bytes);
      if (part.length < bytes.length && !truncated) {
        truncated = true;
        onFull();
      }
      return part;
    },
    bytes: kept.bytes,
    truncated: () => truncated,
  };
}

function check(spec: ExecSpec, maxTimeoutMs: number): void {
  const strings = [...spec.argv, ...Object.entries(spec.env ?? {}).map(([name, value]) => `${name}=${value}`)];
  const bad = (what: string): never => {
    throw new SessionError("failed", what);
  };
  if (spec.argv.length === 0 || spec.argv[0] === "") bad("argv must name a program");
  if (strings.some((text) => text.includes("\0") || !text.isWellFormed())) bad("argv and env must be text without NUL");
  if (strings.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0) > MAX_ARGV_BYTES)
    bad(`argv and env together have over ${MAX_ARGV_BYTES} bytes`);
  if (!Object.keys(spec.env ?? {}).every((name) => ENV_NAME.test(name))) bad("env holds what is no variable name");
  if ((spec.stdin?.length ?? 0) > MAX_STDIN_BYTES) bad(`stdin has over ${MAX_STDIN_BYTES} bytes`);
  if (spec.timeoutMs !== undefined && !(spec.timeoutMs > 0 && spec.timeoutMs <= maxTimeoutMs))
    bad(`timeoutMs must be above 0 and at most ${maxTimeoutMs}`);
  if (spec.user !== undefined && !USERS.includes(spec.user))
    throw new SessionError("permission_denied", `there is no user ${spec.user} inside; the only one is box`);
}

function checkPath(path: string): string {
  if (path === "" || path.includes("\0") || !path.isWellFormed() || Buffer.byteLength(path) > 4_095)
    throw new SessionError("failed", "a path must be text of 1 to 4095 bytes without NUL");
  return path;
}

async function within<T>(promise: Promise<T>, timeoutMs: number, onLate: () => void): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    onLate();
    reject(new SessionError("timeout", `no answer within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A session over an agent: deadlines, output limits, and what its words mean. */
export function createSession(parts: SessionParts): Session {
  const { agent, limits, group } = parts;
  let running = 0;

  const begin = (
    spec: ExecSpec,
    terminal: StartRequest["terminal"],
    onOutput: (stream: OutputStream, bytes: Buffer) => void,
    onTaken?: (bytes: number) => void,
  ): Program => {
    check(spec, limits.wallTimeMs);
    const cwd = spec.cwd === undefined ? parts.cwd : checkPath(spec.cwd);
    const request: StartRequest = {
      argv: spec.argv,
      cwd: cwd.startsWith("/") ? cwd : `${parts.cwd}/${cwd}`,
      env: { ...parts.env, ...(terminal === undefined ? {} : { TERM: "xterm-256color" }), ...spec.env },
      rlimits: parts.rlimits,
      ...(terminal === undefined ? {} : { terminal }),
    };
    running += 1;
    const program = agent.start(request, onOutput, onTaken);
    void program.ended.catch(() => undefined).then(() => (running -= 1));
    return program;
  };
  const countOomKills = async (): Promise<number> =>
    parts.oomKills === undefined ? (group?.usage().oomKills ?? 0) : file(parts.oomKills());
  const statusOf = async (end: ProgramEnd, stopped: ExecStatus | null, oomKillsBefore: number): Promise<ExecStatus> => {
    if (stopped !== null) return stopped;
    if (end.signal === null) return "exited";
    return end.signal === "SIGKILL" && (await countOomKills()) > oomKillsBefore ? "out_of_memory" : "signaled";
  };
  const killHard = (program: Program): NodeJS.Timeout => {
    program.kill();
    return setTimeout(() => parts.kill("a program in it could not be ended"), KILL_DEADLINE_MS);
  };
  const path = (text: string): string => {
    checkPath(text);
    return text.startsWith("/") ? text : `${parts.cwd}/${text}`;
  };
  const file = <T>(work: Promise<T>): Promise<T> =>
    within(work, FILE_DEADLINE_MS, () => parts.kill("its process 1 does not answer"));

  const session: Session = {
    engine: parts.engine,
    isolation: parts.isolation,
    limits,
    exec: async (spec, { signal, onOutput } = {}) => {
      const oomKills = await countOomKills();
      if (signal?.aborted === true) throw new SessionError("failed", "cancelled before it started");
      const startedAt = performance.now();
      const judge = watchProgram(parts.signs);
      let stopped: ExecStatus | null = null;
      let overdue: NodeJS.Timeout | undefined;
      const stop = (status: ExecStatus): void => {
        if (stopped !== null) return;
        stopped = status;
        overdue = killHard(program);
      };
      const keep = {
        stdout: createKeep(limits.stdoutBytes, () => stop("output_exceeded")),
        stderr: createKeep(limits.stderrBytes, () => stop("output_exceeded")),
      };
      const program = begin(spec, undefined, (stream, bytes) => {
        const part = keep[stream].add(bytes);
        if (part.length > 0 && stopped === null) onOutput?.(stream, part);
      });
      if (spec.stdin !== undefined) program.input(spec.stdin);
      program.endInput();
      const late = setTimeout(() => stop("timed_out"), spec.timeoutMs ?? limits.wallTimeMs);
      const onAbort = (): void => stop("cancelled");
      signal?.addEventListener("abort", onAbort, { once: true });
      try {
        const end = await program.ended;
        const status = await statusOf(end, stopped, oomKills);
        const result = {
          status,
          exitCode: status === "exited" ? end.exitCode : null,
          signal: end.signal,
          stdout: keep.stdout.bytes(),
          stderr: keep.stderr.bytes(),
          stdoutTruncated: keep.stdout.truncated(),
          stderrTruncated: keep.stderr.truncated(),
          wallMs: performance.now() - startedAt,
        };
        return { ...result, ...judge(result) } satisfies ExecResult;
      } finally {
        clearTimeout(late);
        clearTimeout(overdue);
        signal?.removeEventListener("abort", onAbort);
      }
    },
    openTerminal: async (spec, size, onOutput) => {
      const oomKills = await countOomKills();
      const input = createTerminalInput((bytes) => program.input(bytes));
      const output = createTerminalOutput({
        hold: (isHeld) => program.hold(isHeld),
        onFlood: () => parts.kill("its process 1 goes on writing where it was told to wait"),
      });
      const pass = (_stream: OutputStream, bytes: Buffer): void => {
        if (output.add(bytes.length)) onOutput(bytes);
      };
      const program = begin(spec, size, pass, input.taken);
      let overdue: NodeJS.Timeout | undefined;
      let stopped: ExecStatus | null = null;
      const ended = program.ended
        .then(async (end) => ({ ...end, status: await statusOf(end, stopped, oomKills) }))
        .finally(() => {
          clearTimeout(overdue);
          input.over();
        });
      // Whoever does not wait for its end leaves no rejection that nobody takes.
      ended.catch(() => undefined);
      return {
        write: input.write,
        resize: program.resize,
        taken: output.taken,
        kill: () => {
          stopped = "cancelled";
          overdue ??= killHard(program);
        },
        ended,
      };
    },
    writeFile: async (where, content, mode = 0o644) => file(agent.write(path(where), content, mode & 0o777)),
    readFile: async (where, maxBytes) => file(agent.read(path(where), maxBytes)),
    list: async (where) => file(agent.list(path(where))),
    pack: async (where, maxBytes) => {
      const archive = createKeptBytes(maxBytes);
      const words = createKeptBytes(MAX_WORDS_BYTES);
      let isTooLarge = false;
      // Not through exec: its output limit is for programs, an archive has one of its own.
      const program = begin(
        { argv: ["tar", "--create", "--file=-", "--format=posix", "--sort=name", "--directory", path(where), "."] },
        undefined,
        (stream, part) => {
          if (stream === "stderr") return void words.add(part);
          if (archive.add(part).length === part.length || isTooLarge) return;
          isTooLarge = true;
          program.kill();
        },
      );
      program.endInput();
      const end = await within(program.ended, limits.wallTimeMs, () => killHard(program));
      if (isTooLarge) throw new SessionError("output_limit", `${where}: the archive has over ${maxBytes} bytes`);
      if (end.exitCode !== 0) throw tarFault(where, words.bytes().toString());
      return archive.bytes();
    },
    unpack: async (where, archive) => {
      const result = await session.exec({
        argv: ["tar", "--extract", "--file=-", "--no-same-owner", "--directory", path(where)],
        stdin: archive,
      });
      if (result.status === "timed_out") throw new SessionError("timeout", `${where}: unpacking took too long`);
      if (result.status !== "exited" || result.exitCode !== 0)
        throw tarFault(where, Buffer.from(result.stderr).toString());
    },
    get running() {
      return running;
    },
    ended: parts.ended,
    close: parts.close,
    [Symbol.asyncDispose]: () => parts.close(),
  };
  return session;
}

function tarFault(where: string, words: string): SessionError {
  const said = words.trim().slice(0, 500);
  if (/No such file or directory/.test(said)) return new SessionError("not_found", `${where}: ${said}`);
  if (/Not a directory/.test(said)) return new SessionError("not_a_directory", `${where}: ${said}`);
  if (/Permission denied|Read-only file system/.test(said))
    return new SessionError("permission_denied", `${where}: ${said}`);
  if (/No space left/.test(said)) return new SessionError("disk_full", `${where}: ${said}`);
  return new SessionError("bad_archive", `${where}: ${said === "" ? "tar failed" : said}`);
}
