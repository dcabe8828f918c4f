import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import type { Duplex } from "node:stream";

/** `pipe` makes a socket pair, `null` is /dev/null, a number is a descriptor of ours to hand over. */
export type ChildFd = "pipe" | "null" | number;

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** By descriptor number in the child; nothing else is inherited. */
  readonly fds: readonly ChildFd[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Kernel identity of the child; needs root. */
  readonly uid?: number;
  /** Own session and process group. */
  readonly detached?: boolean;
}

/** How the child itself ended; `error` when it could not be started. */
export type ChildEnd =
  | { readonly kind: "ended"; readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }
  | { readonly kind: "not_started"; readonly error: Error };

export interface Child {
  readonly pid: number | undefined;
  /** The parent's end of descriptor `index`; only for `pipe`. */
  stream(index: number): Duplex;
  /** The process has ended; its streams may still hold data. */
  readonly ended: Promise<ChildEnd>;
  /** True once Node has seen the end: the pid may be another's by now. */
  readonly hasEnded: boolean;
  /** Signals the child alone; false when it has already been reaped. */
  kill(signal: NodeJS.Signals): boolean;
  /** Signals the child's process group (needs `detached`). */
  killGroup(signal: NodeJS.Signals): boolean;
}

/** The one place that starts processes for runs. */
export function startChild(options: ChildOptions): Child {
  const child: ChildProcess = spawn(options.command, [...options.args], {
    stdio: options.fds.map((fd) => (fd === "null" ? "ignore" : fd)),
    env: { ...options.env },
    cwd: options.cwd,
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    detached: options.detached ?? false,
  });
  const ended = new Promise<ChildEnd>((resolve) => {
    child.once("error", (error) => resolve({ kind: "not_started", error }));
    child.once("exit", (exitCode, signal) => resolve({ kind: "ended", exitCode, signal }));
  });
  return {
    pid: child.pid,
    stream: (index) => {
      const stream = child.stdio[index];
      if (stream === null || stream === undefined) throw new Error(`descriptor ${index} is not a pipe`);
      // A pipe's end fails with EPIPE or ECONNRESET when the child closes it early: expected, not a fault.
      stream.on("error", () => undefined);
      return stream as Duplex;
    },
    ended,
    get hasEnded() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    kill: (signal) => child.kill(signal),
    killGroup: (signal) => {
      if (child.pid === undefined) return false;
      try {
        return process.kill(-child.pid, signal);
      } catch {
        return false;
      }
    },
  };
}

export interface CommandResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of the host's own tools (a version query, mkfifo): never anything a request names. */
export function runTool(command: string, args: readonly string[], timeoutMs: number): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(
      command,
      [...args],
      {
        timeout: timeoutMs,
        killSignal: "SIGKILL",
        maxBuffer: 1 << 20,
        env: { PATH: TOOL_PATH, LANG: "C.UTF-8", HOME: "/nonexistent" },
      },
      (error, stdout, stderr) =>
        resolve({ ok: error === null, stdout, stderr: stderr === "" && error !== null ? error.message : stderr }),
    );
  });
}

/** Where tools are looked for: system directories only, so that what probes find is what sandboxes see. */
export const TOOL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
