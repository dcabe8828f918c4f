import type {
  DirectoryListing,
  ExecRequest,
  ExecResult,
  ListSandboxesQuery,
  Sandbox,
  SandboxPage,
  SandboxRequest,
  TerminalRequest,
  TerminalSize,
} from "@crucible/contract";

/** How a terminal is followed. */
export interface TerminalOptions {
  /** Aborting it ends the terminal's program and all that it started. */
  readonly signal: AbortSignal;
  readonly onOutput: (bytes: Uint8Array) => void;
}

/** A program on a terminal of its own. */
export interface OpenTerminal {
  readonly id: string;
  /** So many bytes of its output have been dealt with: with much that has not, the program waits. */
  taken(bytes: number): void;
  /** Rejects with `ApiError` where the program could not be started, or the sandbox ended. */
  readonly ended: Promise<Pick<ExecResult, "status" | "exitCode" | "signal">>;
}

/**
 * What callers of sandboxes that stay can do. Every method throws `ApiError`; those that use a sandbox `sandbox_ended`,
 * and `sandbox_elsewhere` for one that another process has.
 */
export interface Sandboxes {
  create(request: SandboxRequest): Promise<Sandbox>;
  /** Of all processes with this database, newest first. */
  list(query: ListSandboxesQuery): Promise<SandboxPage>;
  /** Of all processes with this database. @throws ApiError `not_found` */
  get(id: string): Promise<Sandbox>;
  remove(id: string): Promise<Sandbox>;
  /** Rejects as a use of it would. */
  expectOpen(id: string): Promise<void>;
  exec(
    id: string,
    request: ExecRequest,
    options: { readonly signal: AbortSignal; onOutput?(stream: "stdout" | "stderr", bytes: Uint8Array): void },
  ): Promise<ExecResult>;
  openTerminal(id: string, request: TerminalRequest, options: TerminalOptions): Promise<OpenTerminal>;
  /** Resolves when the terminal takes more. */
  writeToTerminal(id: string, terminal: string, bytes: Uint8Array): Promise<void>;
  resizeTerminal(id: string, terminal: string, size: TerminalSize): Promise<void>;
  writeFile(id: string, path: string, content: Uint8Array): Promise<void>;
  readFile(id: string, path: string): Promise<Uint8Array>;
  listDirectory(id: string, path: string): Promise<DirectoryListing>;
  readArchive(id: string, path: string): Promise<Uint8Array>;
  writeArchive(id: string, path: string, archive: Uint8Array): Promise<void>;
}
