/** The contract between whoever wants code run and the engines that run it. */

import type { ArtifactLimits, Artifacts } from "./artifacts/types.ts";
import type { Session, SessionSpec } from "./session/types.ts";
import type { NetworkLog } from "./network/types.ts";

/** Isolation ladder, weakest first. A request names a minimum; nothing ever falls down it. */
export const ISOLATION_LEVELS = ["none", "wasm", "namespace", "container", "gvisor", "microvm"] as const;
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

/** How a run (or its compile step) ended. `sandbox_failed` says nothing about the program. */
export const OUTCOME_STATUSES = [
  "exited",
  "signaled",
  "timed_out",
  "cpu_exceeded",
  "out_of_memory",
  "output_exceeded",
  "disk_exceeded",
  "cancelled",
  "compile_failed",
  "sandbox_failed",
] as const;
export type OutcomeStatus = (typeof OUTCOME_STATUSES)[number];

/** A program file. `path` is relative, has no `..`, no NUL, no empty segment (see `files.ts`). */
export interface SourceFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/** Everything that is limited, in one unit each. Defaults and maxima are in `limits.ts`. */
export interface Limits {
  /** Elapsed time, milliseconds. */
  readonly wallTimeMs: number;
  /** Processor time of all processes together, milliseconds. */
  readonly cpuTimeMs: number;
  /** Processor cores that may be used at once (0.1 = a tenth of one). */
  readonly cpus: number;
  /** Memory and swap of all processes together, with tmpfs content, bytes. */
  readonly memoryBytes: number;
  /** Processes and threads alive at once. */
  readonly pids: number;
  /** Kept from standard output, bytes; the program is stopped at the next one. */
  readonly stdoutBytes: number;
  /** Kept from standard error, bytes; the program is stopped at the next one. */
  readonly stderrBytes: number;
  /** Largest file that can be written, bytes. */
  readonly fileSizeBytes: number;
  /** All files in one writable directory (working directory, /tmp, home, /dev/shm), bytes. */
  readonly diskBytes: number;
  /** Open file descriptors per process. */
  readonly openFiles: number;
}
export type LimitName = keyof Limits;

/** One request to run a program. */
export interface RunSpec {
  /** Name in the language table (`languages/table.ts`). */
  readonly language: string;
  /** At least one file. */
  readonly files: readonly SourceFile[];
  /** The file that is compiled or started; default: the first. */
  readonly entry?: string;
  readonly args?: readonly string[];
  readonly stdin?: Uint8Array;
  /** Added to the sandbox's own small environment; nothing of the host's gets in. */
  readonly env?: Readonly<Record<string, string>>;
  readonly limits?: Partial<Limits>;
  /** Limits of the compile step; default: `DEFAULT_COMPILE_LIMITS`. */
  readonly compileLimits?: Partial<Limits>;
  /** Default: none. With `allow`, a forward proxy of ours lets the run reach these `name:port` and no more. */
  readonly network?: { readonly allow: readonly string[] };
  /** Default: none. The regular files that the program leaves in its directory `out`; `true` for the default limits. */
  readonly artifacts?: boolean | Partial<ArtifactLimits>;
}

/** What one step (compile or run) did. */
export interface StepResult {
  readonly status: OutcomeStatus;
  /** Null unless `status` is `exited` (or `compile_failed` by exit). */
  readonly exitCode: number | null;
  /** Name such as `SIGSEGV`; null unless a signal ended it. */
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
  readonly wallMs: number;
  /** Null where the host gives no way to measure it. */
  readonly cpuMs: number | null;
  /** Null where the host gives no way to measure it. */
  readonly peakMemoryBytes: number | null;
  /** Limits that were reached, also those that the program survived (a refused fork). */
  readonly limitsHit: readonly LimitName[];
}

/** Something the program tried that the engine saw. */
export interface Violation {
  /** One of `BEHAVIOUR_RULES`. */
  readonly kind: string;
  readonly detail: string;
}

/** The result of a run. For `compile_failed` the run's own fields are empty and `compile` says why. */
export interface RunOutcome extends StepResult {
  readonly engine: string;
  readonly isolation: IsolationLevel;
  readonly language: string;
  /** Null when the run never got as far as knowing it. */
  readonly languageVersion: string | null;
  /** For people: which limit, or what broke. */
  readonly reason: string | null;
  /** Preparing the sandbox before the program's first instruction, milliseconds. */
  readonly setupMs: number;
  /** The limits in force for the run step. */
  readonly limits: Limits;
  /** Null for languages without a compile step. */
  readonly compile: StepResult | null;
  readonly violations: readonly Violation[];
  /** What the violations weigh together, 0 (nothing seen) to 100: `behaviour/rules.ts`. */
  readonly behaviourScore: number;
  /** What was asked of the proxy; absent for a run without a network. */
  readonly network?: NetworkLog;
  /** What the program left in `out`; absent unless the request asked for it. */
  readonly artifacts?: Artifacts;
}

export type OutputStream = "stdout" | "stderr";

/** A piece of output, while the program runs. `step` is `compile` or `run`. */
export interface OutputChunk {
  readonly step: "compile" | "run";
  readonly stream: OutputStream;
  readonly bytes: Uint8Array;
}

export interface RunOptions {
  /** Aborting it kills everything and gives the outcome `cancelled`. */
  readonly signal?: AbortSignal;
  readonly onOutput?: (chunk: OutputChunk) => void;
}

/** One defence of an engine on this host: on, or off with the reason. */
export interface Belt {
  readonly name: string;
  readonly on: boolean;
  readonly detail: string;
}

/** What an engine can do on this host. */
export interface ProbeReport {
  readonly engine: string;
  readonly isolation: IsolationLevel;
  readonly available: boolean;
  /** Version of the tool behind it, when it has one. */
  readonly version: string | null;
  /** Why it is not available, and the command that would change it. */
  readonly reason: string | null;
  readonly fix: string | null;
  readonly belts: readonly Belt[];
  /** Whether it can give a run a network with an allow-list; absent means no. */
  readonly network?: boolean;
  /** Whether it can give back the files of a run; absent means no. */
  readonly artifacts?: boolean;
  /** Whether it has sandboxes that stay; absent means no. */
  readonly sessions?: boolean;
  /** Whether a sandbox that stays can be made of an image that the request names; absent means no. */
  readonly images?: boolean;
}

/**
 * Runs programs at one isolation level.
 * `run` never throws for what a program does, and gives `sandbox_failed` for what the host does;
 * it throws only `SpecError` (bad spec) and `EngineUnavailableError`.
 */
export interface Engine extends AsyncDisposable {
  readonly name: string;
  readonly isolation: IsolationLevel;
  /** What it runs, where that does not depend on the tools of the host. */
  readonly languages?: readonly (LanguageInfo & { readonly defaultFile: string })[];
  probe(): Promise<ProbeReport>;
  run(spec: RunSpec, options?: RunOptions): Promise<RunOutcome>;
  /**
   * A sandbox that stays until it is closed.
   * @throws EngineUnavailableError where there is none to be had, SpecError for a bad spec.
   */
  openSession?(spec: SessionSpec): Promise<Session>;
  /** Ends what still runs and removes what the engine made on the host. */
  close(): Promise<void>;
}

/** An installed language. */
export interface LanguageInfo {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly extensions: readonly string[];
  readonly version: string;
  readonly compiled: boolean;
}
