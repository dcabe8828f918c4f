import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { sql } from "kysely";
import type { Database } from "./database.ts";

const DIRECTORY = new URL("./migrations/", import.meta.url);
const FILE_NAME = /^(\d{4})-[a-z0-9-]+\.sql$/;
/** Any number, the same for every Crucible: only one of them migrates at a time. */
const LOCK = 7_286_420_118n;

interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

/**
 * Brings the tables up to date, each file in order, once, all in one transaction under an advisory lock.
 * @returns names of the files that were applied now.
 * @throws Error when an applied file was changed afterwards, or the database is newer than this program.
 */
export async function migrate({ kysely }: Pick<Database, "kysely">, directory: URL = DIRECTORY): Promise<string[]> {
  const migrations = await readMigrations(directory);
  return kysely.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${LOCK.toString()}::bigint)`.execute(tx);
    await sql`create table if not exists crucible_migrations (
      number integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now()
    )`.execute(tx);
    const rows = await sql<{ number: number; name: string; checksum: string }>`
      select number, name, checksum from crucible_migrations order by number`.execute(tx);
    const applied = new Map(rows.rows.map((row) => [row.number, row]));
    const newest = Math.max(0, ...applied.keys());
    if (newest > migrations.length) {
      throw new Error(
        `the database has migration ${newest}, this program knows ${migrations.length}: use a newer Crucible`,
      );
    }
    const done: string[] = [];
    for (const migration of migrations) {
      const before = applied.get(migration.number);
      if (before === undefined) {
        for (const statement of splitStatements(migration.sql)) await sql.raw(statement).execute(tx);
        await sql`insert into crucible_migrations (number, name, checksum)
          values (${migration.number}, ${migration.name}, ${migration.checksum})`.execute(tx);
        done.push(migration.name);
      } else if (before.checksum !== migration.checksum) {
        throw new Error(`migration ${migration.name} was changed after it was applied; restore it and add a new file`);
      }
    }
    return done;
  });
}

/** All files of a directory, numbered from 1 without a gap. */
async function readMigrations(directory: URL): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name, index) => {
      const number = Number(FILE_NAME.exec(name)?.[1]);
      if (number !== index + 1) throw new Error(`migration ${name} should have number ${index + 1}`);
      const text = await readFile(new URL(name, directory), "utf8");
      return { number, name, sql: text, checksum: createHash("sha256").update(text).digest("hex") };
    }),
  );
}

/**
 * Splits at semicolons outside comments, quotes and dollar quotes: inside a transaction one of the two
 * drivers takes one statement a call.
 */
export function splitStatements(text: string): string[] {
  const token = /--[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$[A-Za-z_]*\$)[\s\S]*?\1|;/g;
  const statements: string[] = [];
  let start = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[0] !== ";") continue;
    statements.push(text.slice(start, match.index));
    start = match.index + 1;
  }
  statements.push(text.slice(start));
  return statements.filter((statement) => statement.replace(/--[^\n]*|\/\*[\s\S]*?\*\//g, "").trim() !== "");
}
