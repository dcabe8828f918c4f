-- Accepted programs, what happened to them, who may ask, and who works.

-- `request` and `outcome` are JSON kept as text: jsonb refuses \u0000, and a program may print it.
-- `created_at` is the time inside the id, so one order serves both.
create table runs (
  id text primary key,
  status text not null check (status in ('queued', 'running', 'finished')),
  language text not null,
  engine text not null,
  isolation_level text not null,
  isolation_request text,
  priority integer not null,
  labels jsonb not null,
  request text not null,
  -- How often it was started; the number is also the token that a finish must name.
  attempt integer not null default 0,
  -- How often its worker vanished.
  lost integer not null default 0,
  worker_id text,
  cancel_requested boolean not null default false,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  outcome_status text,
  exit_code integer,
  signal text,
  wall_ms double precision,
  outcome text,
  check ((status = 'finished') = (outcome is not null)),
  check ((status = 'running') = (worker_id is not null))
);
create index runs_queued on runs (id) where status = 'queued';
create index runs_running on runs (worker_id) where status = 'running';
create index runs_labels on runs using gin (labels jsonb_path_ops) where labels <> '{}'::jsonb;

-- Everything that happened, in order; nothing here ever changes.
create table run_events (
  seq bigserial primary key,
  run_id text not null,
  type text not null,
  event text not null
);
create index run_events_run on run_events (run_id, seq);
-- A run ends once, whatever the code above the database believes.
create unique index run_events_finished_once on run_events (run_id) where type = 'run.finished';

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'run_events is append-only';
end $$;
create trigger run_events_append_only before update or delete or truncate on run_events
  for each statement execute function refuse_change();

-- SHA-256 of each key, never the key.
create table api_keys (
  id text primary key,
  name text not null,
  hash text not null unique,
  created_at timestamptz not null
);

-- Live workers: one whose `seen_at` is older than the lease is dead, and its runs are given back.
create table workers (
  id text primary key,
  seen_at timestamptz not null,
  catalog text not null
);
