import type { Outcome } from "@crucible/contract";
import type { LocalExecutorSettings } from "../local.ts";
import type { Catalog, ExecutionChunk, ExecutionJob } from "../types.ts";

/** What the server says to the executor's process. The first message is `configure`. */
export type ToExecutor =
  | { readonly kind: "configure"; readonly settings: LocalExecutorSettings; readonly logLevel: string }
  | { readonly kind: "execute"; readonly job: ExecutionJob; readonly call: number }
  | { readonly kind: "cancel"; readonly call: number }
  | { readonly kind: "close" };

/** What the executor's process says to the server. `call` names one `execute`. */
export type FromExecutor =
  | { readonly kind: "ready"; readonly catalog: Catalog }
  | { readonly kind: "not_ready"; readonly message: string; readonly code: string | undefined }
  | { readonly kind: "output"; readonly call: number; readonly chunk: ExecutionChunk }
  | { readonly kind: "outcome"; readonly call: number; readonly outcome: Outcome }
  | { readonly kind: "closed" };
