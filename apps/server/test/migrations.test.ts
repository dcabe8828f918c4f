import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SILENT } from "../src/log.ts";
import { openDatabase, type Database } from "../src/store/database.ts";
import { migrate } from "../src/store/migrate.ts";
import { KINDS, openTestDatabases, type TestDatabases } from "./databases.ts";
import { temporaryDirectory } from "./server-fixture.ts";

const REAL = new URL("../src/store/migrations/", import.meta.url);

describe.each(KINDS)("migrations on %s", (kind) => {
  let databases: TestDatabases;
  beforeAll(async () => {
    databases = await openTestDatabases(kind);
  });
  afterAll(() => databases[Symbol.asyncDispose]());

  async function open(): Promise<Database> {
    const { dataDir, env } = await databases.create();
    return openDatabase({ url: env["DATABASE_URL"], directory: join(dataDir, "db"), log: SILENT });
  }
  function copyOfMigrations(): Disposable & { readonly path: string; readonly url: URL } {
    const directory = temporaryDirectory();
    for (const name of readdirSync(REAL)) copyFileSync(new URL(name, REAL), join(directory.path, name));
    return { ...directory, url: pathToFileURL(`${directory.path}/`) };
  }

  test("each is applied once, also when several start together", async () => {
    const database = await open();
    const all = await Promise.all([migrate(database), migrate(database), migrate(database)]);
    expect(all.map((names) => names.length).toSorted((a, b) => a - b)).toEqual([0, 0, readdirSync(REAL).length]);
    expect(await migrate(database)).toEqual([]);
    await database.close();
  });

  test("one that fails leaves nothing behind", async () => {
    using copy = copyOfMigrations();
    const next = String(readdirSync(REAL).length + 1).padStart(4, "0");
    writeFileSync(join(copy.path, `${next}-broken.sql`), "create table half (id int); create tabel whole (id int);");
    const database = await open();
    await expect(migrate(database, copy.url)).rejects.toThrow(/syntax error/);
    await expect(database.kysely.selectFrom("runs").selectAll().execute()).rejects.toThrow(/does not exist/);
    expect(await migrate(database)).toHaveLength(readdirSync(REAL).length);
    await database.close();
  });

  test("one that was changed afterwards stops the start", async () => {
    using copy = copyOfMigrations();
    const database = await open();
    await migrate(database, copy.url);
    writeFileSync(join(copy.path, "0001-runs.sql"), "select 1;");
    await expect(migrate(database, copy.url)).rejects.toThrow("0001-runs.sql was changed after it was applied");
    await database.close();
  });

  test("a database of a newer Crucible is not touched", async () => {
    using copy = copyOfMigrations();
    const next = String(readdirSync(REAL).length + 1).padStart(4, "0");
    writeFileSync(join(copy.path, `${next}-future.sql`), "create table future (id int);");
    const database = await open();
    await migrate(database, copy.url);
    await expect(migrate(database)).rejects.toThrow("use a newer Crucible");
    await database.close();
  });
});
