import { sql } from "kysely";
import type { Database } from "./database.ts";
import type { ScreeningsTable } from "./schema.ts";

/** A screening as it is stored: `text` and `detail` are JSON text. */
export type ScreeningRow = Omit<ScreeningsTable, "created_at"> & { readonly created_at: Date };

/** Stores screenings in one statement whatever their number. Those that are there already stay as they are. */
export async function insertScreenings(
  { kysely }: Pick<Database, "kysely">,
  rows: readonly ScreeningRow[],
): Promise<void> {
  const texts = (read: (row: ScreeningRow) => string | null): (string | null)[] => rows.map(read);
  const numbers = (read: (row: ScreeningRow) => number | null): (string | null)[] =>
    rows.map((row) => read(row)?.toString() ?? null);
  await sql`
    insert into screenings (id, created_at, source, direction, decision, admitted, stage, score, reason, cached,
      latency_ms, model, key_id, request_id, text_hash, text_length, text, detail)
    select id, created_at::timestamptz, source, direction, decision, admitted::boolean, stage, score::float8, reason,
      cached::boolean, latency_ms::float8, model, key_id, request_id, text_hash, text_length::int, text, detail
    from unnest(
      ${texts((row) => row.id)}::text[], ${texts((row) => row.created_at.toISOString())}::text[],
      ${texts((row) => row.source)}::text[], ${texts((row) => row.direction)}::text[],
      ${texts((row) => row.decision)}::text[], ${texts((row) => String(row.admitted))}::text[],
      ${texts((row) => row.stage)}::text[], ${numbers((row) => row.score)}::text[],
      ${texts((row) => row.reason)}::text[], ${texts((row) => String(row.cached))}::text[],
      ${numbers((row) => row.latency_ms)}::text[], ${texts((row) => row.model)}::text[],
      ${texts((row) => row.key_id)}::text[], ${texts((row) => row.request_id)}::text[],
      ${texts((row) => row.text_hash)}::text[], ${numbers((row) => row.text_length)}::text[],
      ${texts((row) => row.text)}::text[], ${texts((row) => row.detail)}::text[]
    ) as s (id, created_at, source, direction, decision, admitted, stage, score, reason, cached,
      latency_ms, model, key_id, request_id, text_hash, text_length, text, detail)
    on conflict (id) do nothing
  `.execute(kysely);
}

/** Rows that one statement removes: a long one would keep others waiting, in the embedded database everything. */
const BATCH = 5_000;

/** Which screenings are too old or too many. */
export interface ScreeningBounds {
  /** Ids below this one go; `lowestIdAt` makes it of a time. */
  readonly belowId: string;
  /** So many of the newest stay. */
  readonly maxRows: number;
}

/** Removes screenings outside of the bounds, in batches, oldest first. Returns how many went. */
export async function removeScreenings(
  { kysely }: Pick<Database, "kysely">,
  { belowId, maxRows }: ScreeningBounds,
): Promise<number> {
  const newestToGo = await sql<{ id: string }>`
    select id from screenings order by id desc offset ${maxRows} limit 1`.execute(kysely);
  const last = newestToGo.rows[0]?.id ?? "";
  const below = last < belowId ? belowId : `${last}0`;
  let removed = 0;
  for (;;) {
    const { rows } = await sql<{ count: number }>`
      with old as (
        select id from screenings where id < ${below} order by id limit ${BATCH}
      ), gone as (delete from screenings using old where screenings.id = old.id returning 1)
      select count(*)::int as count from gone
    `.execute(kysely);
    const count = rows[0]?.count ?? 0;
    removed += count;
    if (count < BATCH) return removed;
  }
}
