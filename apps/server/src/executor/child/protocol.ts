import type { ErrorCode, Outcome } from "@crucible/contract";
import type { ExecSpec, OutputStream, SessionSpec, TerminalSize } from "@crucible/sandbox";
import type { LocalExecutorSettings } from "../local.ts";
import type { Catalog, ExecutionChunk, ExecutionJob } from "../types.ts";

/** What the server says to the executor's process. The first message is `configure`. */
export type ToExecutor =
  | { readonly kind: "configure"; readonly settings: LocalExecutorSettings; readonly logLevel: string }
  | { readonly kind: "execute"; readonly job: ExecutionJob; readonly call: number }
  | { readonly kind: "cancel"; readonly call: number }
  | { readonly kind: "open_session"; readonly call: number; readonly engine: string; readonly spec: SessionSpec }
  /** `session` is the call that opened it. */
  | { readonly kind: "session"; readonly call: number; readonly session: number; readonly operation: SessionOperation }
  | { readonly kind: "close" };

/** A method of a session, as it crosses to the process that has it. */
export type SessionOperation =
  | { readonly name: "exec"; readonly spec: ExecSpec }
  /** Answers with its end; `cancel` ends it. */
  | { readonly name: "terminal"; readonly spec: ExecSpec; readonly size: TerminalSize }
  /** `terminal` is the call that opened it. */
  | { readonly name: "terminalInput"; readonly terminal: number; readonly bytes: Uint8Array }
  | { readonly name: "terminalResize"; readonly terminal: number; readonly size: TerminalSize }
  | { readonly name: "terminalTaken"; readonly terminal: number; readonly bytes: number }
  | { readonly name: "writeFile"; readonly path: string; readonly content: Uint8Array }
  | { readonly name: "readFile" | "pack"; readonly path: string; readonly maxBytes: number }
  | { readonly name: "list"; readonly path: string }
  | { readonly name: "unpack"; readonly path: string; readonly archive: Uint8Array }
  | { readonly name: "close" };

/** What the executor's process says to the server. `call` names one `execute`. */
export type FromExecutor =
  | { readonly kind: "ready"; readonly catalog: Catalog }
  | { readonly kind: "not_ready"; readonly message: string; readonly code: string | undefined }
  | { readonly kind: "output"; readonly call: number; readonly chunk: ExecutionChunk }
  | { readonly kind: "outcome"; readonly call: number; readonly outcome: Outcome }
  | {
      readonly kind: "session_output";
      readonly call: number;
      readonly stream: OutputStream;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "session_ended"; readonly session: number; readonly reason: string }
  | { readonly kind: "answer"; readonly call: number; readonly value: unknown }
  | { readonly kind: "refusal"; readonly call: number; readonly error: Refusal }
  | { readonly kind: "closed" };

/** An `ApiError` as it crosses. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly field: string | undefined;
}
