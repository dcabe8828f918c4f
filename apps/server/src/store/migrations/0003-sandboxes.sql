-- Sandboxes that stay, open and ended: they are told of when the process that had them is gone.

-- `labels` and `limits` are JSON kept as text: jsonb refuses \u0000. `created_at` is the time inside the id, so one order
-- serves both.
create table sandboxes (
  id text primary key,
  -- The worker (`workers.id`) whose process has it.
  owner text not null,
  state text not null check (state in ('open', 'closed', 'lost')),
  language text,
  image text,
  engine text not null,
  isolation_level text not null,
  limits text not null,
  labels text not null,
  idle_timeout_ms integer not null,
  created_at timestamptz not null,
  -- Written every half minute at most.
  last_used_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_by text,
  reason text,
  check ((state = 'open') = (ended_at is null))
);
-- Few are open at a time, and every heartbeat of a worker asks which of them have lost theirs.
create index sandboxes_open on sandboxes (id) where state = 'open';
