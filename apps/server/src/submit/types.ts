import type { Run, RunRequest } from "@crucible/contract";

/**
 * Takes runs in. All throw `ApiError`: unknown_language, language_not_installed, invalid_path, limit_too_high,
 * queue_full, engine_unavailable, isolation_unavailable, database_unavailable, shutting_down, not_found,
 * run_not_cancellable.
 */
export interface Submit {
  /** Stored and enqueued in one transaction when it returns. */
  submitRun(request: RunRequest): Promise<Run>;
  /** All or none. */
  submitBatch(requests: readonly RunRequest[]): Promise<Run[]>;
  /** Removes a queued run from the queue, or asks the worker to stop a running one. */
  cancelRun(id: string): Promise<Run>;
}
