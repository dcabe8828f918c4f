import type { SelfcheckProgress, SelfcheckRequest } from "@crucible/contract";
import type { DockerSettings } from "@crucible/sandbox";

/** Carries out self-checks in the background, one at a time. */
export interface Selfchecks extends AsyncDisposable {
  /** Rejects with `selfcheck_running` while there is one, and with `shutting_down` after `close`. */
  start(request: SelfcheckRequest): Promise<SelfcheckProgress>;
  progress(): SelfcheckProgress;
  /** Ends the one that runs, with what it has started. */
  close(): Promise<void>;
}

/** The part of the configuration that a self-check needs; plain data without a credential. */
export interface SelfcheckSettings {
  readonly allowUnsafe: boolean;
  readonly ociRootfs: string | undefined;
  readonly docker: DockerSettings | undefined;
}

/** What the server says to the process of a self-check. */
export type ToSelfcheck =
  | { readonly kind: "start"; readonly request: SelfcheckRequest; readonly settings: SelfcheckSettings }
  | { readonly kind: "stop" };

/** What the process of a self-check says. */
export type FromSelfcheck =
  | { readonly kind: "step"; readonly total: number; readonly failed: boolean }
  | { readonly kind: "report"; readonly report: unknown }
  | { readonly kind: "problem"; readonly reason: string };
