import type { IsolationLevel, Limits, OutputStream, Violation } from "../types.ts";

/** A sandbox that stays until it is closed. */
export interface SessionSpec {
  /** For every program in it; nothing of the host's gets in. */
  readonly env?: Readonly<Record<string, string>>;
  /** memory, pids, cpus, disk, file size and open files hold for the whole sandbox; times and output for each program. */
  readonly limits?: Partial<Limits>;
  readonly network?: { readonly allow: readonly string[] };
  /** For engines with images: the one that is for this language; default: the one for all. */
  readonly language?: string;
  /** For engines with images: one of those that the operator has named. Any other engine refuses it. */
  readonly image?: string;
}

/** One program to run in a session. */
export interface ExecSpec {
  /** The program, looked up in PATH, and its arguments; no shell in between. */
  readonly argv: readonly string[];
  /** Absolute, or relative to the working directory. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  /** The sandbox has one user, `box`; any other is refused. */
  readonly user?: string;
  /** Default and maximum: the session's `wallTimeMs`. */
  readonly timeoutMs?: number;
}

/** How a program in a session ended. A program that could not be started is a `SessionError` instead. */
export type ExecStatus = "exited" | "signaled" | "timed_out" | "out_of_memory" | "output_exceeded" | "cancelled";

export interface ExecResult {
  readonly status: ExecStatus;
  /** Null unless `status` is `exited`. */
  readonly exitCode: number | null;
  /** Null unless a signal ended it. */
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  readonly wallMs: number;
  /** What the program tried, as far as its sandbox shows it: `BEHAVIOUR_RULES`. */
  readonly violations: readonly Violation[];
  /** What they weigh together, 0 (nothing seen) to 100. */
  readonly behaviourScore: number;
}

export interface ExecOptions {
  /** Aborting it ends the program and all that it started. */
  readonly signal?: AbortSignal;
  readonly onOutput?: (stream: OutputStream, bytes: Uint8Array) => void;
}

/** A program on a terminal of its own. */
export interface Terminal {
  /**
   * Resolves when more may be written: once less than 64 KiB wait for the terminal to take them, or it has ended.
   * @throws SessionError `input_full` where so much waits already, or is too much at once: nothing of it is written.
   */
  write(bytes: Uint8Array): Promise<void>;
  resize(size: TerminalSize): void;
  /** So many bytes of its output have been dealt with. With over 512 KiB that have not, the program waits. */
  taken(bytes: number): void;
  kill(): void;
  readonly ended: Promise<Pick<ExecResult, "status" | "exitCode" | "signal">>;
}
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export interface DirectoryEntry {
  /** Not UTF-8 on disk: with replacement characters. */
  readonly name: string;
  readonly kind: "file" | "directory" | "symlink" | "other";
  readonly sizeBytes: number;
  /** Permission bits. */
  readonly mode: number;
  readonly modifiedMs: number;
}

/**
 * A started sandbox without a program of its own. Paths are those inside; the host follows none of them.
 * Every method throws `SessionError`.
 */
export interface Session extends AsyncDisposable {
  readonly engine: string;
  readonly isolation: IsolationLevel;
  readonly limits: Limits;
  exec(spec: ExecSpec, options?: ExecOptions): Promise<ExecResult>;
  openTerminal(spec: ExecSpec, size: TerminalSize, onOutput: (bytes: Uint8Array) => void): Promise<Terminal>;
  /** Makes missing parent directories; replaces what is there. */
  writeFile(path: string, content: Uint8Array, mode?: number): Promise<void>;
  /** @throws SessionError `output_limit` for a file larger than `maxBytes`. */
  readFile(path: string, maxBytes: number): Promise<Uint8Array>;
  list(path: string): Promise<{ readonly entries: readonly DirectoryEntry[]; readonly truncated: boolean }>;
  /** A tar of what is below `path`, made inside: to be read as an enemy's. */
  pack(path: string, maxBytes: number): Promise<Uint8Array>;
  /** Unpacks a tar inside, below `path`. */
  unpack(path: string, archive: Uint8Array): Promise<void>;
  /** Programs that run at this moment. */
  readonly running: number;
  /** Resolves when the sandbox has gone, with the reason. */
  readonly ended: Promise<string>;
  close(): Promise<void>;
}
