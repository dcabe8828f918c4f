import type { EngineInfo, Language, Limits, Outcome, RunRequest } from "@crucible/contract";
import type { Session, SessionSpec } from "@crucible/sandbox";

/** What an executor offers: told to clients, and checked at submission. */
export interface Catalog {
  readonly languages: readonly Language[];
  readonly engines: readonly EngineInfo[];
  readonly maxLimits: Limits;
  /** Below these no interpreter starts. */
  readonly minLimits: Limits;
  /** What runs may reach; absent: nothing. */
  readonly networkAllow?: readonly string[];
}

/** One piece of work as it crosses the border to the executor: plain JSON, no credential in it. */
export interface ExecutionJob {
  readonly runId: string;
  /** Chosen at submission; the executor runs on exactly this one or fails. */
  readonly engine: string;
  readonly request: RunRequest;
}

export interface ExecutionChunk {
  readonly step: "compile" | "run";
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** The part of a session that crosses a process border. Its methods throw `ApiError`. */
export interface HostedSession extends Omit<Session, "running"> {
  /** Whether it ended with the process that had it. */
  readonly isLost?: () => boolean;
}

/**
 * Runs jobs on an engine. In-process today, remote later: everything that crosses is data.
 * `execute` never throws for what a program or the sandbox does (`sandbox_failed` is a value).
 */
export interface Executor extends AsyncDisposable {
  catalog(): Promise<Catalog>;
  execute(
    job: ExecutionJob,
    options: { readonly signal: AbortSignal; readonly onOutput: (chunk: ExecutionChunk) => void },
  ): Promise<Outcome>;
  /** A sandbox that stays. @throws ApiError where there is none to be had. */
  openSession(engine: string, spec: SessionSpec): Promise<HostedSession>;
  close(): Promise<void>;
}
