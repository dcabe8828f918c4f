import type {
  ListScreeningsQuery,
  Screening,
  ScreeningPage,
  ScreeningStatistics,
  ScreeningStatisticsQuery,
  ScreeningSummary,
} from "@crucible/contract";
import type { Selectable } from "kysely";
import { readCursor, writeCursor } from "./cursor.ts";
import type { Database } from "./database.ts";
import { answeringDatabase } from "./errors.ts";
import { lowestIdAt } from "./ids.ts";
import type { ScreeningsTable } from "./schema.ts";
import { readStatistics } from "./screening-statistics.ts";

/** What HTTP may read of screenings. Throws `ApiError` database_unavailable, invalid_cursor. */
export interface ScreeningReader {
  getScreening(id: string): Promise<Screening | null>;
  listScreenings(query: ListScreeningsQuery): Promise<ScreeningPage>;
  statistics(query: ScreeningStatisticsQuery): Promise<ScreeningStatistics>;
}

/** The part of a screening that no filter looks at. */
export type ScreeningDetail = Pick<Screening, "evidence" | "failures" | "perStage" | "findings">;

const SUMMARY_COLUMNS = [
  "id",
  "created_at",
  "source",
  "direction",
  "decision",
  "admitted",
  "stage",
  "score",
  "reason",
  "cached",
  "latency_ms",
  "model",
  "key_id",
  "request_id",
  "text_hash",
  "text_length",
] as const satisfies (keyof ScreeningsTable)[];
type SummaryRow = Pick<Selectable<ScreeningsTable>, (typeof SUMMARY_COLUMNS)[number]>;

/** Reads screenings. A page starts below the id in its cursor: ids order by creation. */
export function createScreeningReader({ kysely }: Pick<Database, "kysely">): ScreeningReader {
  return {
    getScreening: (id) =>
      answeringDatabase(async () => {
        const row = await kysely
          .selectFrom("screenings")
          .select([...SUMMARY_COLUMNS, "text", "detail"])
          .where("id", "=", id)
          .executeTakeFirst();
        if (row === undefined) return null;
        const text = row.text === null ? null : (JSON.parse(row.text) as string);
        return { ...rowToSummary(row), text, ...(JSON.parse(row.detail) as ScreeningDetail) };
      }),

    listScreenings: (query) =>
      answeringDatabase(async () => {
        const before = query.cursor === undefined ? undefined : readCursor("scr", query.cursor);
        if (isUnstorable(query)) return { screenings: [], nextCursor: null };
        const rows = await pageQuery(kysely, query, before).execute();
        const screenings = rows.slice(0, query.limit).map(rowToSummary);
        const last = screenings.at(-1);
        const isMore = rows.length > query.limit && last !== undefined;
        return { screenings, nextCursor: isMore ? writeCursor(last.id) : null };
      }),

    statistics: (query) => answeringDatabase(() => readStatistics(kysely, query, new Date())),
  };
}

/** The database refuses such text, and nothing stored has it. */
function isUnstorable(query: object): boolean {
  return Object.values(query).some(
    (value: unknown) => typeof value === "string" && (value.includes("\0") || !value.isWellFormed()),
  );
}

function pageQuery(kysely: Database["kysely"], query: ListScreeningsQuery, before: string | undefined) {
  let page = kysely
    .selectFrom("screenings")
    .select(SUMMARY_COLUMNS)
    .orderBy("id", "desc")
    .limit(query.limit + 1);
  if (before !== undefined) page = page.where("id", "<", before);
  if (query.decision !== undefined) page = page.where("decision", "=", query.decision);
  // So that the index of the rare rows is used.
  if (query.decision !== undefined && query.decision !== "allow") page = page.where("decision", "<>", "allow");
  if (query.stage !== undefined) page = page.where("stage", "=", query.stage);
  if (query.source !== undefined) page = page.where("source", "=", query.source);
  if (query.direction !== undefined) page = page.where("direction", "=", query.direction);
  if (query.key !== undefined) page = page.where("key_id", "=", query.key);
  if (query.model !== undefined) page = page.where("model", "=", query.model);
  if (query.minScore !== undefined) page = page.where("score", ">=", query.minScore);
  if (query.textHash !== undefined) page = page.where("text_hash", "=", query.textHash);
  // The id holds the creation time, so the primary key serves the time range too.
  if (query.since !== undefined) page = page.where("id", ">=", lowestIdAt("scr", Date.parse(query.since)));
  if (query.until !== undefined) page = page.where("id", "<", lowestIdAt("scr", Date.parse(query.until)));
  return page;
}

function rowToSummary(row: SummaryRow): ScreeningSummary {
  return {
    id: row.id,
    createdAt: row.created_at.toISOString(),
    source: row.source,
    direction: row.direction,
    decision: row.decision,
    admitted: row.admitted,
    stage: row.stage,
    score: row.score,
    reason: row.reason,
    cached: row.cached,
    latencyMs: row.latency_ms,
    model: row.model,
    keyId: row.key_id,
    requestId: row.request_id,
    textHash: row.text_hash,
    textLength: row.text_length,
  };
}
