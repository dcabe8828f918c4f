-- What the guard said of prompts and answers. Old rows are removed by age and number, so nothing else refers to them.

-- `created_at` is the time inside the id, so one order serves both. `text` and `detail` are JSON kept as text, because
-- prompts may hold \u0000, which text and jsonb refuse.
create table screenings (
  id text primary key,
  created_at timestamptz not null,
  source text not null check (source in ('gateway', 'api')),
  direction text not null check (direction in ('input', 'output')),
  decision text not null check (decision in ('allow', 'flag', 'redact', 'block', 'error')),
  admitted boolean not null,
  stage text,
  score double precision,
  reason text not null,
  cached boolean not null,
  latency_ms double precision not null,
  model text,
  key_id text,
  request_id text,
  -- HMAC-SHA256 with a key that is not in this database: a plain hash of a short prompt can be guessed.
  text_hash text not null,
  -- UTF-16 code units.
  text_length integer not null,
  -- Null where the policy does not let it be kept.
  text text,
  -- Evidence, failures, stages and findings.
  detail text not null
);
-- The rare rows are the ones that people look for. For all else the newest rows are walked: 40 ms for a hundred thousand
-- in the embedded database, where three more indexes would make writing a row a third dearer (27 us in place of 20).
create index screenings_not_allowed on screenings (id) where decision <> 'allow';
