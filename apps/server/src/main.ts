import { pathToFileURL } from "node:url";
import { buildApp } from "./http/app.ts";
import { DEFAULT_HTTP_SETTINGS, type HttpSettings } from "./http/deps.ts";
import { serveGateway } from "./gateway/serve.ts";
import { compileCacheDir, composeServer, type ComposedServer, type Overrides } from "./compose.ts";
import { loadConfig, type Config } from "./config.ts";
import { createSelfchecks } from "./selfcheck/background.ts";
import { createSelfcheckReader, createSelfcheckWriter } from "./store/selfcheck-reader.ts";
import manifest from "../package.json" with { type: "json" };

/** A server that takes requests and works, until `close`. */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens; null for workers alone. */
  readonly url: string | null;
  /** Undefined where the database had a key that the data directory does not know. */
  readonly bootstrapKey: string | undefined;
  /** What a request gets that asks for nothing, or null with the reason in `engines`. */
  readonly engine: string | null;
  readonly isolation: string | null;
  readonly engines: Awaited<ReturnType<ComposedServer["catalog"]>>["engines"];
  readonly dataDir: string;
  /** Takes nothing new, lets work end within the drain time, gives the rest back to the queue, releases all. */
  close(): Promise<void>;
}

/** There is a worker, and no engine that may run anything: `engines` says why of each. */
export class NoEngineError extends Error {
  readonly code = "no_engine";
  readonly engines: RunningServer["engines"];
  constructor(engines: RunningServer["engines"]) {
    super("no engine on this host can run programs");
    this.name = "NoEngineError";
    this.engines = engines;
  }
}

export interface StartOptions extends Overrides {
  /** Do not start, and listen nowhere, where the worker role has no engine to offer. Default: start, and refuse runs. */
  readonly needsEngine?: boolean;
  /** The module that carries out self-checks, as a process of its own. Default: none can be started over HTTP. */
  readonly selfcheckModule?: string;
}

/**
 * Starts the roles of the configuration.
 * @throws NoEngineError, and what `composeServer` throws.
 */
export async function startServer(config: Config, options: StartOptions = {}): Promise<RunningServer> {
  await using undo = new AsyncDisposableStack();
  const composed = undo.use(await composeServer(config, options));
  const { submit, reader, keys, bus, queue, metrics, log, catalog, worker, gateway, bootstrapKey } = composed;
  const { engines } = await catalog().catch(() => ({ engines: [] }));
  const standard = engines.find((engine) => engine.isDefault);
  if (options.needsEngine === true && worker !== null && standard === undefined) throw new NoEngineError(engines);
  await worker?.start();
  const { selfcheckModule: module } = options;
  const selfchecks = worker === null || module === undefined ? null : undo.use(openSelfchecks(config, module, log));
  let url: string | null = null;
  const api = config.roles.includes("api");
  if (api || gateway !== null) {
    const app = buildApp({
      submit,
      reader,
      keys,
      bus,
      catalog,
      selfcheck: createSelfcheckReader(config.dataDir),
      selfchecks,
      screenings: composed.screenings,
      sandboxes: composed.sandboxes,
      screen: composed.screen,
      queueReady: () => queue.ping(),
      metrics,
      log,
      settings: httpSettings(config),
      api,
      extensions: gateway === null ? [] : [(app) => serveGateway(app, gateway)],
    });
    undo.defer(() => app.close());
    url = await app.listen({ host: config.host, port: config.port });
  }
  log.info({ url, roles: config.roles, engine: standard?.engine ?? null, dataDir: config.dataDir }, "started");

  const resources = undo.move();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    // Work may go on while waiting requests still hear of its end; nothing new comes in.
    submit.refuse();
    closing ??= (async () => {
      await Promise.all([worker?.stop(config.drainMs), gateway?.inFlight.drain(config.drainMs)]);
      await resources.disposeAsync();
      log.info({}, "stopped");
    })();
    return closing;
  };
  return {
    url,
    bootstrapKey,
    engine: standard?.engine ?? null,
    isolation: standard?.isolation ?? null,
    engines,
    dataDir: config.dataDir,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function openSelfchecks(config: Config, module: string, log: ComposedServer["log"]) {
  const { allowUnsafe, ociRootfs, docker, dataDir } = config;
  return createSelfchecks({
    module,
    settings: { allowUnsafe, ociRootfs, docker },
    cacheDir: compileCacheDir(dataDir),
    store: createSelfcheckWriter(dataDir),
    log,
  });
}

function httpSettings(config: Config): HttpSettings {
  const loopback = ["127.0.0.1", "::1", "localhost"].includes(config.host);
  return {
    ...DEFAULT_HTTP_SETTINGS,
    version: manifest.version,
    bodyLimitBytes: config.bodyLimitBytes,
    allowedHosts: config.allowedHosts ?? (loopback ? [] : null),
  };
}

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Ctrl-C below npm comes twice: from the terminal to all, and once more from npm. Milliseconds. */
const ECHO_MS = 500;

/** Resolves with the first signal that asks the process to end. One more, after its echo, ends it at once. */
export function untilStopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals): void => {
      resolve(signal);
      setTimeout(() => {
        for (const each of STOP_SIGNALS) process.off(each, stop);
      }, ECHO_MS).unref();
    };
    for (const signal of STOP_SIGNALS) process.on(signal, stop);
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const server = await startServer(loadConfig());
  await untilStopSignal();
  await server.close();
}
