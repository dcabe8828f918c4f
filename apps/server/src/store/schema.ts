import type { ColumnType, Generated } from "kysely";
import type {
  IsolationLevel,
  OutcomeStatus,
  RunStatus,
  SandboxEnd,
  SandboxStatus,
  ScreeningDecision,
  ScreeningDirection,
  ScreeningSource,
} from "@crucible/contract";

/** `timestamptz`: read as Date, written as ISO text or Date. */
type Time = ColumnType<Date, string | Date, string | Date>;
type NullableTime = ColumnType<Date | null, string | Date | null, string | Date | null>;

/** A row of `runs`; `request`, `outcome` and `isolation_request` are JSON text. */
export interface RunsTable {
  id: string;
  status: RunStatus;
  language: string;
  engine: string;
  isolation_level: IsolationLevel;
  isolation_request: string | null;
  priority: number;
  labels: ColumnType<Record<string, string>, string, string>;
  request: string;
  attempt: Generated<number>;
  lost: Generated<number>;
  worker_id: string | null;
  cancel_requested: Generated<boolean>;
  created_at: Time;
  started_at: NullableTime;
  finished_at: NullableTime;
  outcome_status: OutcomeStatus | null;
  exit_code: number | null;
  signal: string | null;
  wall_ms: number | null;
  outcome: string | null;
}

/** `seq` comes as text from one driver and as a number from the other. */
export interface RunEventsTable {
  seq: Generated<number | string>;
  run_id: string;
  type: string;
  event: string;
}

export interface ApiKeysTable {
  id: string;
  name: string;
  hash: string;
  created_at: Time;
}

export interface WorkersTable {
  id: string;
  seen_at: Time;
  catalog: string;
}

/** A row of `screenings`; `text` and `detail` are JSON text. */
export interface ScreeningsTable {
  id: string;
  created_at: Time;
  source: ScreeningSource;
  direction: ScreeningDirection;
  decision: ScreeningDecision;
  admitted: boolean;
  stage: string | null;
  score: number | null;
  reason: string;
  cached: boolean;
  latency_ms: number;
  model: string | null;
  key_id: string | null;
  request_id: string | null;
  text_hash: string;
  text_length: number;
  text: string | null;
  detail: string;
}

/** A row of `sandboxes`; `limits` and `labels` are JSON text. */
export interface SandboxesTable {
  id: string;
  owner: string;
  state: SandboxStatus;
  language: string | null;
  image: string | null;
  engine: string;
  isolation_level: IsolationLevel;
  limits: string;
  labels: string;
  idle_timeout_ms: number;
  created_at: Time;
  last_used_at: Time;
  expires_at: Time;
  ended_at: NullableTime;
  ended_by: SandboxEnd | null;
  reason: string | null;
}

/** All tables of the migrations, for Kysely. */
export interface Schema {
  runs: RunsTable;
  run_events: RunEventsTable;
  api_keys: ApiKeysTable;
  workers: WorkersTable;
  screenings: ScreeningsTable;
  sandboxes: SandboxesTable;
}
