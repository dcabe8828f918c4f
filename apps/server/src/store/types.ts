import type { ListRunsQuery, Run, RunPage, StoredRunEvent } from "@crucible/contract";

export interface NumberedEvent {
  readonly seq: number;
  readonly event: StoredRunEvent;
}

/** What HTTP may read. Throws `ApiError` database_unavailable, invalid_cursor. */
export interface RunReader {
  getRun(id: string): Promise<Run | null>;
  listRuns(query: ListRunsQuery): Promise<RunPage>;
  /** Oldest first; `afterSeq` 0 gives all. */
  eventsAfter(runId: string, afterSeq: number): Promise<NumberedEvent[]>;
  /** Waiting runs, for metrics and the queue limit. */
  queueDepth(): Promise<number>;
  /** A cheap round trip; throws when the database does not answer. */
  ping(): Promise<void>;
}

export interface ApiKeyInfo {
  readonly id: string;
  readonly name: string;
}

export interface KeyReader {
  /** Null for a key that is not known. Compares SHA-256 digests in constant time. */
  verify(key: string): Promise<ApiKeyInfo | null>;
}
