import { ApiError, type EngineInfo, type Language, type Limits } from "@crucible/contract";
import { sql } from "kysely";
import type { Database } from "./database.ts";
import { answeringDatabase } from "./errors.ts";

/** What workers offer, as they wrote it into their row. */
export interface StoredCatalog {
  readonly languages: readonly Language[];
  readonly engines: readonly EngineInfo[];
  readonly maxLimits: Limits;
  readonly minLimits: Limits;
  readonly networkAllow?: readonly string[];
}

const BELIEVED_MS = 5_000;

/**
 * Reads what the newest live worker offers, for processes without an executor of their own.
 * The reader throws ApiError `engine_unavailable` while no worker lives.
 */
export function createCatalogReader(
  { kysely }: Pick<Database, "kysely">,
  leaseMs: number,
): () => Promise<StoredCatalog> {
  let known: { readonly catalog: StoredCatalog; readonly until: number } | undefined;
  return async () => {
    if (known !== undefined && performance.now() < known.until) return known.catalog;
    const { rows } = await answeringDatabase(() =>
      sql<{ catalog: string }>`
        select catalog from workers where seen_at > clock_timestamp() - ${String(leaseMs)}::float8 * interval '1 ms'
        order by seen_at desc limit 1`.execute(kysely),
    );
    const row = rows[0];
    if (row === undefined)
      throw new ApiError("engine_unavailable", "no worker is connected; start a Crucible with the worker role");
    known = { catalog: JSON.parse(row.catalog) as StoredCatalog, until: performance.now() + BELIEVED_MS };
    return known.catalog;
  };
}
