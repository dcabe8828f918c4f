import type { OutcomeStatus } from "@crucible/contract";

/** A run that ended, as the metrics see it. All times in milliseconds. */
export interface FinishedRun {
  readonly status: OutcomeStatus;
  readonly language: string;
  readonly engine: string;
  /** From acceptance to the start of the attempt that ended it. */
  readonly waitMs: number;
  /** Preparing the sandbox, as the outcome's `setupMs` says. */
  readonly startMs: number;
  /** The program's own elapsed time. */
  readonly runMs: number;
  /** Kinds of violations that were seen, each once. */
  readonly violations: readonly string[];
  /** 0 for nothing seen, up to 100. */
  readonly behaviourScore: number;
}

/** What submit and worker tell whoever counts. Never throws, never waits. */
export interface Metrics {
  /** Runs were accepted and enqueued. */
  runsAccepted(language: string, count: number): void;
  /** A submission was refused because too many runs wait. */
  queueFull(): void;
  /** A run was given back to the queue: its worker died, or the server stops. */
  runRequeued(): void;
  runFinished(run: FinishedRun): void;
  /** Slots of the local worker in use, and how many there are. */
  workerSlots(busy: number, total: number): void;
  /** A finished run could not be stored yet (the database does not answer); `pending` wait in memory. */
  storePending(pending: number): void;
}
