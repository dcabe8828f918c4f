import type { BreakerState } from "../breaker/breaker.ts";
import type { CacheStats, VerdictCache } from "../cache/types.ts";
import type { Clock, Verdict } from "../pipeline/types.ts";
import type { Policy } from "../policy/types.ts";

/** A guard that is ready: models loaded, workers started. Owns them; call `close()` when it is no longer needed. */
export interface Guard extends AsyncDisposable {
  readonly policy: Policy;
  /**
   * Screens a text, or messages in the OpenAI chat format. Rejects with `InvalidMessagesError` when they are not in it,
   * and with the signal's reason when the caller goes; what goes wrong in a stage is in the verdict.
   */
  screen(input: string | readonly unknown[], options?: { readonly signal?: AbortSignal }): Promise<Verdict>;
  /** What is loaded; the same as long as the guard lives. */
  describe(): GuardDescription;
  /** How it is doing now; cheap enough for every scrape of metrics. */
  stats(): GuardStats;
  /** Ends the workers. Screenings that run or come later end with a failed stage. */
  close(): Promise<void>;
}

/** What a guard is made from. */
export interface GuardOptions {
  /** Default: `DEFAULT_POLICY`. Only the stages it names are loaded. */
  readonly policy?: Policy;
  /** Where models lie, in place of what the policy names and of the shipped ones. */
  readonly models?: {
    /** A file made by `crucible guard train`. */
    readonly bayes?: string;
    /** A folder with `config.json`, `tokenizer.json` and `onnx/model.onnx`, as on a Hugging Face hub. */
    readonly transformer?: string;
  };
  /** Where `crucible models` keeps what a policy names as `ORG/NAME`. Without it such a name is refused. */
  readonly dataDir?: string;
  /** What relative paths in a policy start from. Default: the working directory. */
  readonly baseDir?: string;
  /** Default: in memory, as the policy says; null for none. The policy's `maxEntries: 0` turns any cache off. */
  readonly cache?: VerdictCache | null;
  /** Threads for the transformer, each with a copy of its weights. Default: one less than cores, at most 2. */
  readonly workers?: number;
  /** Default: the monotonic clock of the process. */
  readonly clock?: Clock;
  /** Told at once what happens to a stage, for logs; must not throw. */
  readonly onEvent?: (event: GuardEvent) => void;
}

/** A file of a model. */
export interface ModelFile {
  /** Below the model's folder, with `/`. */
  readonly path: string;
  readonly sizeBytes: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

/** One loaded stage. */
export interface StageDescription {
  readonly name: string;
  /** Name and hash of the model, as in cache keys. */
  readonly version: string;
  readonly files: readonly ModelFile[];
}

/** What a guard has loaded. */
export interface GuardDescription {
  /** Of all of the policy that bears on a text's verdict. */
  readonly policyHash: string;
  /** In the order of the policy. */
  readonly stages: readonly StageDescription[];
}

/** The circuit breaker of a stage. */
export interface BreakerStats {
  readonly state: BreakerState;
  /** How long until the stage may be asked again; 0 when it may be now. */
  readonly waitMs: number;
  /** How often it opened, and texts it refused while open. */
  readonly opened: number;
  readonly refused: number;
}

/** The threads of a stage. */
export interface PoolStats {
  /** Threads that can work or are starting. */
  readonly workers: number;
  readonly busy: number;
  /** Texts that wait, and how many may. */
  readonly queued: number;
  readonly queueLimit: number;
  /** Texts refused because the queue was full. */
  readonly refused: number;
  /** Threads that were replaced after a crash or a hang. */
  readonly replaced: number;
}

/** How a stage is doing; null for what it does not have. */
export interface StageStats {
  readonly name: string;
  readonly breaker: BreakerStats | null;
  readonly pool: PoolStats | null;
}

/** How a guard is doing. */
export interface GuardStats {
  /** Null without a cache, or with one that does not count. */
  readonly cache: CacheStats | null;
  /** In the order of the policy. */
  readonly stages: readonly StageStats[];
}

/** Something that an operator should know of. */
export type GuardEvent =
  | { readonly type: "breaker"; readonly stage: string; readonly state: BreakerState }
  | { readonly type: "worker_replaced"; readonly stage: string; readonly reason: string };
