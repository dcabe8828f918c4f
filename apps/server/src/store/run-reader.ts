import type { ListRunsQuery } from "@crucible/contract";
import { sql } from "kysely";
import { readCursor, writeCursor } from "./cursor.ts";
import type { Database } from "./database.ts";
import { answeringDatabase } from "./errors.ts";
import { lowestIdAt } from "./ids.ts";
import { readEvent, rowToRun, rowToSummary, SUMMARY_COLUMNS } from "./rows.ts";
import type { NumberedEvent, RunReader } from "./types.ts";

/** Reads runs and their events. A page starts below the id in its cursor: ids order by creation. */
export function createRunReader({ kysely }: Pick<Database, "kysely">): RunReader {
  return {
    getRun: (id) =>
      answeringDatabase(async () => {
        const row = await kysely
          .selectFrom("runs")
          .select([...SUMMARY_COLUMNS, "outcome"])
          .where("id", "=", id)
          .executeTakeFirst();
        return row === undefined ? null : rowToRun(row);
      }),

    listRuns: (query) =>
      answeringDatabase(async () => {
        const before = query.cursor === undefined ? undefined : readCursor("run", query.cursor);
        // The database refuses such text, and nothing stored has it.
        const unstorable = (value: unknown): boolean =>
          typeof value === "string" && (value.includes("\0") || !value.isWellFormed());
        if (Object.values(query).some(unstorable)) return { runs: [], nextCursor: null };
        const rows = await pageQuery(kysely, query, before).execute();
        const runs = rows.slice(0, query.limit).map(rowToSummary);
        const last = runs.at(-1);
        return { runs, nextCursor: rows.length > query.limit && last !== undefined ? writeCursor(last.id) : null };
      }),

    eventsAfter: (runId, afterSeq) =>
      answeringDatabase(async () => {
        const rows = await kysely
          .selectFrom("run_events")
          .select(["seq", "event"])
          .where("run_id", "=", runId)
          .where("seq", ">", afterSeq)
          .orderBy("seq")
          .execute();
        return rows.map((row) => ({ seq: Number(row.seq), event: readEvent(row.event) }));
      }),

    queueDepth: () => answeringDatabase(() => countQueued(kysely)),

    ping: () =>
      answeringDatabase(async () => {
        await sql`select 1`.execute(kysely);
      }),
  };
}

/** Runs that wait. */
export async function countQueued(kysely: Database["kysely"]): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from runs where status = 'queued'`.execute(kysely);
  return rows[0]?.count ?? 0;
}

/** Events by number, in order. */
export async function readEvents(kysely: Database["kysely"], seqs: readonly number[]): Promise<NumberedEvent[]> {
  const rows = await kysely
    .selectFrom("run_events")
    .select(["seq", "event"])
    .where("seq", "in", seqs)
    .orderBy("seq")
    .execute();
  return rows.map((row) => ({ seq: Number(row.seq), event: readEvent(row.event) }));
}

function pageQuery(kysely: Database["kysely"], query: ListRunsQuery, before: string | undefined) {
  let page = kysely
    .selectFrom("runs")
    .select(SUMMARY_COLUMNS)
    .orderBy("id", "desc")
    .limit(query.limit + 1);
  if (before !== undefined) page = page.where("id", "<", before);
  if (query.status !== undefined) page = page.where("status", "=", query.status);
  if (query.outcome !== undefined) page = page.where("outcome_status", "=", query.outcome);
  if (query.language !== undefined) page = page.where("language", "=", query.language);
  if (query.engine !== undefined) page = page.where("engine", "=", query.engine);
  // The id holds the creation time, so the primary key serves the time range too.
  if (query.createdAfter !== undefined)
    page = page.where("id", ">=", lowestIdAt("run", Date.parse(query.createdAfter) + 1));
  if (query.createdBefore !== undefined)
    page = page.where("id", "<", lowestIdAt("run", Date.parse(query.createdBefore)));
  if (query.label !== undefined) {
    const at = query.label.indexOf("=");
    const label = JSON.stringify({ [query.label.slice(0, at)]: query.label.slice(at + 1) });
    page = page.where(sql<boolean>`labels @> ${label}::jsonb and labels <> '{}'::jsonb`);
  }
  return page;
}
