import type { ListSandboxesQuery, Sandbox, SandboxPage } from "@crucible/contract";
import { sql, type Selectable } from "kysely";
import { readCursor, writeCursor } from "./cursor.ts";
import type { Database, Tx } from "./database.ts";
import { answeringDatabase } from "./errors.ts";
import type { SandboxesTable } from "./schema.ts";

/** What of a sandbox can change. */
export interface SandboxChange extends Pick<Sandbox, "id" | "status" | "endedBy" | "reason"> {
  readonly lastUsedAt: Date;
  readonly endedAt: Date | null;
}

/** Sandboxes as the database knows them. Throws `ApiError` database_unavailable, invalid_cursor. */
export interface SandboxRecords {
  /** Notes one that this process has opened. */
  insert(sandbox: Sandbox): Promise<void>;
  /** The word of the process that has them: also over what others took them for while it could not be heard. */
  save(changes: readonly SandboxChange[]): Promise<void>;
  /** `running` is null for open ones: the database does not know. */
  get(id: string): Promise<Sandbox | null>;
  list(query: ListSandboxesQuery): Promise<SandboxPage>;
}

/** @param owner the worker's id of this process; its own rows alone are written. */
export function createSandboxRecords({ kysely }: Pick<Database, "kysely">, owner: string): SandboxRecords {
  return {
    insert: (sandbox) =>
      answeringDatabase(async () => {
        await kysely.insertInto("sandboxes").values(toRow(sandbox, owner)).execute();
      }),

    save: (changes) =>
      answeringDatabase(async () => {
        const column = (read: (change: SandboxChange) => string | null): (string | null)[] => changes.map(read);
        await sql`
          update sandboxes set state = c.state, last_used_at = c.last_used_at::timestamptz,
            ended_at = c.ended_at::timestamptz, ended_by = c.ended_by, reason = c.reason
          from unnest(
            ${column(({ id }) => id)}::text[], ${column(({ status }) => status)}::text[],
            ${column(({ lastUsedAt }) => lastUsedAt.toISOString())}::text[],
            ${column(({ endedAt }) => endedAt?.toISOString() ?? null)}::text[],
            ${column(({ endedBy }) => endedBy)}::text[], ${column(({ reason }) => storable(reason))}::text[]
          ) as c (id, state, last_used_at, ended_at, ended_by, reason)
          where sandboxes.id = c.id and sandboxes.owner = ${owner}
        `.execute(kysely);
      }),

    get: (id) =>
      answeringDatabase(async () => {
        const row = await kysely.selectFrom("sandboxes").selectAll().where("id", "=", id).executeTakeFirst();
        return row === undefined ? null : toSandbox(row);
      }),

    list: ({ status, limit, cursor }) =>
      answeringDatabase(async () => {
        let page = kysely
          .selectFrom("sandboxes")
          .selectAll()
          .orderBy("id", "desc")
          .limit(limit + 1);
        if (cursor !== undefined) page = page.where("id", "<", readCursor("sbx", cursor));
        if (status !== "any") page = page.where("state", "=", status);
        const rows = await page.execute();
        const sandboxes = rows.slice(0, limit).map(toSandbox);
        const last = sandboxes.at(-1);
        return { sandboxes, nextCursor: rows.length > limit && last !== undefined ? writeCursor(last.id) : null };
      }),
  };
}

/**
 * Marks what is open in the database and has no live worker: it went with the process that had it. To be called when the
 * rows of dead workers have been removed. Returns how many there were.
 */
export async function loseSandboxes(tx: Tx): Promise<number> {
  const reason = "the process that had it ended without closing it";
  const { rows } = await sql<{ id: string }>`
    update sandboxes set state = 'lost', ended_at = clock_timestamp(), ended_by = 'server_restarted', reason = ${reason}
    where state = 'open' and not exists (select 1 from workers where workers.id = sandboxes.owner)
    returning id`.execute(tx);
  return rows.length;
}

/** Reasons hold words from inside; the database refuses NUL and halves of letters. */
const storable = (text: string | null): string | null => text?.replaceAll("\0", "").toWellFormed() ?? null;

function toRow(sandbox: Sandbox, owner: string) {
  return {
    id: sandbox.id,
    owner,
    state: sandbox.status,
    language: sandbox.language,
    image: sandbox.image,
    engine: sandbox.engine,
    isolation_level: sandbox.isolation,
    limits: JSON.stringify(sandbox.limits),
    labels: JSON.stringify(sandbox.labels),
    idle_timeout_ms: sandbox.idleTimeoutMs,
    created_at: sandbox.createdAt,
    last_used_at: sandbox.lastUsedAt,
    expires_at: sandbox.endsAt,
    ended_at: sandbox.endedAt,
    ended_by: sandbox.endedBy,
    reason: storable(sandbox.reason),
  };
}

function toSandbox(row: Selectable<SandboxesTable>): Sandbox {
  return {
    id: row.id,
    status: row.state,
    language: row.language,
    image: row.image,
    engine: row.engine,
    isolation: row.isolation_level,
    limits: JSON.parse(row.limits) as Sandbox["limits"],
    labels: JSON.parse(row.labels) as Sandbox["labels"],
    idleTimeoutMs: row.idle_timeout_ms,
    createdAt: row.created_at.toISOString(),
    lastUsedAt: row.last_used_at.toISOString(),
    endsAt: row.expires_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    endedBy: row.ended_by,
    reason: row.reason,
    running: row.state === "open" ? null : 0,
  };
}
