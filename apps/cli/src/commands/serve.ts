import { fileURLToPath } from "node:url";
import type { Io } from "../io.ts";
import { write } from "../io.ts";
import { CliProblem } from "../problem.ts";

/** What carries out the self-checks that are asked for over HTTP. */
const SELFCHECK = fileURLToPath(new URL("../selfcheck/child.ts", import.meta.url));

/** The options of `crucible serve`; each stands for the environment variable of its name. */
export interface ServeOptions {
  readonly host?: string;
  readonly port?: number;
  readonly dataDir?: string;
  readonly json?: boolean;
}

/** What is known of a server that listens. */
export interface Started {
  /** Null without the api role. */
  readonly url: string | null;
  readonly loginUrl: string | null;
  /** Null where the database had a key that the data directory does not know. */
  readonly apiKey: string | null;
  readonly engine: string | null;
  readonly isolation: string | null;
  readonly dataDir: string;
  readonly pid: number;
}

/** The environment for the server: what the options say wins. A person at a terminal gets warnings, not every request. */
export function serverEnv(io: Pick<Io, "env" | "stderr">, options: ServeOptions): Record<string, string | undefined> {
  return {
    ...(io.stderr.isTTY === true ? { CRUCIBLE_LOG_LEVEL: "warn" } : {}),
    ...io.env,
    ...(options.host === undefined ? {} : { CRUCIBLE_HOST: options.host }),
    ...(options.port === undefined ? {} : { CRUCIBLE_PORT: String(options.port) }),
    ...(options.dataDir === undefined ? {} : { CRUCIBLE_DATA_DIR: options.dataDir }),
  };
}

/**
 * Runs the server until a signal, and then lets it finish what it does. It does not start without an engine that
 * isolates: a server that can only refuse would look like one that works.
 */
export async function serveCommand(io: Io, options: ServeOptions): Promise<number> {
  const { loadConfig, startServer, untilStopSignal } = await import("@crucible/server");
  try {
    const config = loadConfig(serverEnv(io, options));
    const stopped = untilStopSignal();
    await using server = await startServer(config, { needsEngine: true, selfcheckModule: SELFCHECK });
    const { url, bootstrapKey: key } = server;
    const started: Started = {
      url,
      loginUrl: url === null || key === undefined ? null : `${url}/login#key=${key}`,
      apiKey: key ?? null,
      engine: server.engine,
      isolation: server.isolation,
      dataDir: server.dataDir,
      pid: process.pid,
    };
    await write(io.stdout, options.json === true ? `${JSON.stringify(started)}\n` : startedText(started));
    await stopped;
    if (options.json !== true)
      await write(io.stdout, "Stopping: running programs may finish. Ctrl-C again ends at once.\n");
    return 0;
  } catch (error) {
    throw explain(error);
  }
}

/** What a person sees once the server listens. */
export function startedText({ url, loginUrl, engine, isolation, dataDir }: Started): string {
  const unsafe = isolation === "none" ? "  (UNSAFE: programs run with the rights of this server)" : "";
  const rows = [
    ["address", url ?? "none (a worker only)"],
    ["log in", loginUrl ?? "with a key that was made before; this data directory does not know it"],
    [
      "engine",
      engine === null ? "none here: other processes work" : `${engine}, isolation ${isolation ?? "unknown"}${unsafe}`,
    ],
    ["data", dataDir],
  ];
  return `Crucible is running.\n${rows.map(([name = "", value = ""]) => `  ${name.padEnd(8)} ${value}\n`).join("")}`;
}

function noEngine(
  engines: readonly { engine: string; reason: string | null; fix: string | null; isolation: string }[],
  cause: ErrorOptions,
) {
  const first = engines.find(({ isolation }) => isolation !== "none") ?? engines[0];
  const reason = first?.reason === null || first === undefined ? "" : `: ${first.reason}`;
  return new CliProblem(
    `no engine on this host can run programs${reason}`,
    first?.fix ?? "see `crucible doctor`",
    cause,
  );
}

/** The server's own start errors, in two lines. */
function explain(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  const cause = { cause: error };
  switch (code) {
    case "EADDRINUSE":
      return new CliProblem(
        `port ${port ?? ""} of ${address ?? "this host"} is in use`,
        "stop what uses it, or choose another with --port (0 takes any free one)",
        cause,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new CliProblem(
        `${address ?? "the address"} is not an address of this host`,
        "choose another with --host",
        cause,
      );
    case "EACCES":
      if (port === undefined) return error;
      return new CliProblem(`port ${port} needs root`, "choose one above 1023 with --port", cause);
    case "data_dir_in_use": {
      const [what = error.message] = error.message.split("; ");
      return new CliProblem(what, "stop it, or choose another directory with --data-dir", cause);
    }
    case "database_unreachable": {
      const [what = error.message] = error.message.split("; ");
      return new CliProblem(what, "start it, or correct DATABASE_URL", cause);
    }
    case "no_engine":
      return noEngine((error as Error & { engines: Parameters<typeof noEngine>[0] }).engines, cause);
    case "selfcheck_failed":
      return new CliProblem(
        error.message,
        "run `crucible selfcheck` to see all that is broken; CRUCIBLE_ENGINE chooses another engine",
        cause,
      );
    case "invalid_config":
      return new CliProblem(error.message, "see docs/reference/configuration.md", cause);
    default:
      return error;
  }
}
