import type { DirectoryListing, ExecRequest, ExecResult, Sandbox, SandboxRequest } from "@crucible/contract";

/** What callers of sandboxes that stay can do. Every method throws `ApiError`. */
export interface Sandboxes {
  create(request: SandboxRequest): Promise<Sandbox>;
  /** Newest first, ended ones at the end of their time among them. */
  list(): Sandbox[];
  /** @throws ApiError `not_found` */
  get(id: string): Sandbox;
  remove(id: string): Promise<Sandbox>;
  exec(
    id: string,
    request: ExecRequest,
    options: { readonly signal: AbortSignal; onOutput?(stream: "stdout" | "stderr", bytes: Uint8Array): void },
  ): Promise<ExecResult>;
  writeFile(id: string, path: string, content: Uint8Array): Promise<void>;
  readFile(id: string, path: string): Promise<Uint8Array>;
  listDirectory(id: string, path: string): Promise<DirectoryListing>;
  readArchive(id: string, path: string): Promise<Uint8Array>;
  writeArchive(id: string, path: string, archive: Uint8Array): Promise<void>;
}
