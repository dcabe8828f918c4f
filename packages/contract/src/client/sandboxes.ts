import { DirectoryListing, ExecResult, FileWritten, Sandbox, SandboxPage } from "../sandboxes.ts";
import type { ExecRequestInput, ListSandboxesQuery, SandboxRequestInput, TerminalRequestInput } from "../sandboxes.ts";
import { openTerminal } from "./terminal.ts";
import type { RemoteTerminal, TerminalFollower } from "./terminal.ts";
import type { CallOptions, Transport } from "./transport.ts";

/** A filter of sandboxes; without a `status`, open ones. */
export type SandboxFilter = { readonly [Name in keyof ListSandboxesQuery]?: ListSandboxesQuery[Name] | undefined };

/** Calls on sandboxes that stay. All reject with `ClientError`. */
export interface SandboxCalls {
  createSandbox(request?: SandboxRequestInput, options?: CallOptions): Promise<Sandbox>;
  /** One page, newest first. */
  listSandboxes(filter?: SandboxFilter, options?: CallOptions): Promise<SandboxPage>;
  getSandbox(id: string, options?: CallOptions): Promise<Sandbox>;
  /** Closes it with everything in it. */
  deleteSandbox(id: string, options?: CallOptions): Promise<Sandbox>;
  /** Ended with all that it started when `signal` is aborted. */
  execInSandbox(id: string, request: ExecRequestInput, options?: CallOptions): Promise<ExecResult>;
  /** A program on a terminal of its own, which ends with the connection. */
  openTerminal(id: string, request: TerminalRequestInput, follower: TerminalFollower): Promise<RemoteTerminal>;
  writeSandboxFile(id: string, path: string, content: Uint8Array, options?: CallOptions): Promise<void>;
  readSandboxFile(id: string, path: string, options?: CallOptions): Promise<Uint8Array>;
  listSandboxDirectory(id: string, path?: string, options?: CallOptions): Promise<DirectoryListing>;
  /** A tar archive of what is below `path`. */
  readSandboxArchive(id: string, path?: string, options?: CallOptions): Promise<Uint8Array>;
  /** Unpacks a tar archive below `path`. */
  writeSandboxArchive(id: string, archive: Uint8Array, path?: string, options?: CallOptions): Promise<void>;
}

const SANDBOXES = "/api/v1/sandboxes";
const at = (id: string, rest = ""): string => `${SANDBOXES}/${encodeURIComponent(id)}${rest}`;

export function sandboxCalls(transport: Transport): SandboxCalls {
  return {
    createSandbox: (body = {}, { signal } = {}) =>
      transport.json({ method: "POST", path: SANDBOXES, body, signal }, Sandbox),
    listSandboxes: (query, { signal } = {}) =>
      transport.json({ method: "GET", path: SANDBOXES, query, signal }, SandboxPage),
    getSandbox: (id, { signal } = {}) => transport.json({ method: "GET", path: at(id), signal }, Sandbox),
    deleteSandbox: (id, { signal } = {}) => transport.json({ method: "DELETE", path: at(id), signal }, Sandbox),
    execInSandbox: (id, body, { signal } = {}) =>
      transport.json({ method: "POST", path: at(id, "/exec"), body, signal, timeoutMs: null }, ExecResult),
    openTerminal: (id, request, follower) => openTerminal(transport, at(id, "/terminals"), request, follower),
    writeSandboxFile: async (id, path, content, { signal } = {}) => {
      const bytes = { type: "application/octet-stream", content };
      await transport.json({ method: "PUT", path: at(id, "/files"), query: { path }, bytes, signal }, FileWritten);
    },
    readSandboxFile: (id, path, { signal } = {}) =>
      transport.bytes({ method: "GET", path: at(id, "/files"), query: { path }, signal }),
    listSandboxDirectory: (id, path, { signal } = {}) =>
      transport.json({ method: "GET", path: at(id, "/entries"), query: { path }, signal }, DirectoryListing),
    readSandboxArchive: (id, path, { signal } = {}) =>
      transport.bytes({ method: "GET", path: at(id, "/archive"), query: { path }, signal }),
    writeSandboxArchive: async (id, content, path, { signal } = {}) => {
      const bytes = { type: "application/x-tar", content };
      await transport.json({ method: "PUT", path: at(id, "/archive"), query: { path }, bytes, signal }, FileWritten);
    },
  };
}
