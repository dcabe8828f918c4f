import type { EngineInfo, Language, Outcome, RunRequestInput } from "@crucible/contract";

/** A piece of output while a program runs, exactly as it was written. */
export interface LiveOutput {
  readonly step: "compile" | "run";
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

export interface BackendRunOptions {
  /** Aborting it stops the program wherever it runs; `run` then gives the outcome `cancelled`. */
  readonly signal?: AbortSignal;
  /** All output of a step and stream reaches it once, in order, before `run` returns. */
  readonly onOutput?: (output: LiveOutput) => void;
}

/** A program that ran. */
export interface Finished {
  /** Null when no server was asked. */
  readonly runId: string | null;
  readonly outcome: Outcome;
}

/**
 * Where programs run: a server, or this process with the sandbox package.
 * Everything it throws is a `CliProblem`, or an error that `describe` knows.
 */
export interface Backend extends AsyncDisposable {
  /** For people: `this machine`, or the address. */
  readonly where: string;
  /** How many runs at once make sense. */
  readonly slots: number;
  run(request: RunRequestInput, options?: BackendRunOptions): Promise<Finished>;
  languages(): Promise<readonly Language[]>;
  engines(): Promise<readonly EngineInfo[]>;
}
