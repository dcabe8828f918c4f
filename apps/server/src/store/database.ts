import { Kysely, PGliteDialect, PostgresDialect, type Transaction } from "kysely";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";
import { fromPglite, type Db as BossDb } from "pg-boss";
import type { Log } from "../log.ts";
import { preparingPglite } from "./prepared-pglite.ts";
import type { Schema } from "./schema.ts";

/** A connection inside a transaction. */
export type Tx = Transaction<Schema>;

/** The one database of a server, whichever of the two it is. */
export interface Database {
  readonly kind: "pglite" | "postgres";
  readonly kysely: Kysely<Schema>;
  /** For the queue library's own statements, outside our transactions. */
  readonly bossDb: BossDb;
  /** Several statements without parameters, such as a migration. */
  exec(sql: string): Promise<void>;
  /**
   * Hears notifications of other processes; `onReconnect` says that some may have been missed.
   * Embedded there is only one process: nothing ever comes.
   */
  listen(
    channel: string,
    onNotification: (payload: string) => void,
    onReconnect: () => void,
  ): Promise<() => Promise<void>>;
  /** Removes dead rows; null where the database sees to it by itself. */
  readonly vacuum: (() => Promise<void>) | null;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** PostgreSQL's URL; without it, PGlite in `directory`. */
  readonly url?: string | undefined;
  readonly directory: string;
  readonly log: Log;
  /** Connections to PostgreSQL. */
  readonly poolSize?: number;
}

/** Opens the database. PGlite: one process per directory, which the caller has locked. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  return options.url === undefined ? openPglite(options.directory) : openPostgres(options.url, options);
}

/**
 * Embedded PostgreSQL in this thread: a statement takes 0.05 to 0.1 ms, in a worker thread 0.05 ms more of
 * both time and processor. Every commit is written (not flushed to disk) before it returns: it survives the death of
 * the process at any moment, not the loss of power.
 */
async function openPglite(directory: string): Promise<Database> {
  if (!existsSync(directory)) await createCluster(directory);
  const pglite = await PGlite.create(directory);
  // Nothing here counts rows for the planner, and a prepared statement keeps its plan: without this, one
  // that was planned while the queue was empty would read the whole table when it is full.
  await pglite.exec("set enable_seqscan = off");
  return {
    kind: "pglite",
    kysely: new Kysely<Schema>({ dialect: new PGliteDialect({ pglite: preparingPglite(pglite) }) }),
    bossDb: fromPglite(pglite),
    exec: async (sql) => {
      await pglite.exec(sql);
    },
    listen: async () => async () => {},
    // No autovacuum in one process. 25,000 runs leave 1 MB of dead entries in each index, and this takes 0.15 s.
    vacuum: async () => {
      for (const table of ["runs", "workers", "screenings", "sandboxes", "pgboss.job_common"])
        await pglite.exec(`vacuum ${table}`);
    },
    close: async () => {
      if (!pglite.closed) await pglite.close();
    },
  };
}

/** Made beside its place and then moved there: a process that is killed meanwhile leaves no half of a database. */
async function createCluster(directory: string): Promise<void> {
  const unfinished = `${directory}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  const pglite = await PGlite.create(unfinished);
  await pglite.close();
  renameSync(unfinished, directory);
}

/** A lost server must be noticed in seconds, so that requests get their 503 and runs their retry. */
const CONNECT_TIMEOUT_MS = 3_000;
const QUERY_TIMEOUT_MS = 30_000;

async function openPostgres(url: string, { log, poolSize = 10 }: DatabaseOptions): Promise<Database> {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    application_name: "crucible",
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on("error", (error) => log.warn({ err: error }, "an idle database connection was lost"));
  return {
    kind: "postgres",
    kysely: new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) }),
    bossDb: {
      executeSql: async (text, values) => {
        const result =
          values === undefined || values.length === 0 ? await pool.query(text) : await pool.query(text, values);
        return { rows: rowsOf(result) };
      },
    },
    exec: async (sql) => {
      await pool.query(sql);
    },
    listen: (channel, onNotification, onReconnect) => listenOn(url, channel, onNotification, onReconnect, log),
    vacuum: null,
    close: () => pool.end(),
  };
}

/** Several statements at once give an array of results, which the driver's types leave out. */
function rowsOf(result: pg.QueryResult<object> | readonly pg.QueryResult<object>[]): object[] {
  return "rows" in result ? result.rows : result.flatMap((part) => part.rows);
}

/** Holds one connection that listens, and makes a new one when it breaks. */
async function listenOn(
  url: string,
  channel: string,
  onNotification: (payload: string) => void,
  onReconnect: () => void,
  log: Log,
): Promise<() => Promise<void>> {
  let closed = false;
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  const connect = async (): Promise<void> => {
    const fresh = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    let broken = false;
    const retry = (error?: Error): void => {
      if (broken || closed) return;
      broken = true;
      log.warn({ err: error }, "the listening database connection was lost; connecting again");
      fresh.end().catch(() => {});
      timer = setTimeout(() => void connect().catch(retryFailed), 500);
    };
    const retryFailed = (error: Error): void => retry(error);
    fresh.on("error", retry);
    fresh.on("end", () => retry());
    fresh.on("notification", (message) => onNotification(message.payload ?? ""));
    try {
      await fresh.connect();
      await fresh.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      retry(error as Error);
      return;
    }
    if (closed) await fresh.end();
    else client = fresh;
    onReconnect();
  };
  await connect();
  return async () => {
    closed = true;
    clearTimeout(timer);
    await client?.end().catch(() => {});
  };
}
