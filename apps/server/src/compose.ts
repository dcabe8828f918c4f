import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { createGuard, loadPolicy } from "@crucible/guard";
import { LANGUAGES } from "@crucible/sandbox";
import { ensureBootstrapKey } from "./bootstrap-key.ts";
import type { Config } from "./config.ts";
import { lockDataDir } from "./data-dir.ts";
import { createBus, type LocalBus } from "./events/bus.ts";
import { followRemoteEvents } from "./events/remote.ts";
import { definedOnly } from "./executor/translate.ts";
import { createChildExecutor } from "./executor/child/executor.ts";
import { cleanArchive } from "./executor/clean-archive.ts";
import { refuseNetwork } from "./executor/refuse-network.ts";
import type { Catalog, Executor } from "./executor/types.ts";
import { createGateway } from "./gateway/compose.ts";
import { createRecorderMetrics } from "./gateway/screenings/metrics.ts";
import { createRecorder } from "./gateway/screenings/recorder.ts";
import { keepWithinBounds } from "./gateway/screenings/retention.ts";
import { createHashText } from "./gateway/screenings/row.ts";
import { createScreen, type Screen } from "./gateway/screenings/screen.ts";
import type { Gateway } from "./gateway/types.ts";
import { createServerMetrics, type ServerMetrics } from "./http/metrics.ts";
import { createLog } from "./log.ts";
import { openQueue, type Queue } from "./queue/queue.ts";
import { ensureScreeningKey } from "./screening-key.ts";
import { createApiKeys } from "./store/api-keys.ts";
import { createCatalogReader } from "./store/catalog-reader.ts";
import { openDatabase, type Database } from "./store/database.ts";
import { DatabaseUnreachableError, isDatabaseLost } from "./store/errors.ts";
import { migrate } from "./store/migrate.ts";
import { createRecentRuns, readingRecent } from "./store/recent-runs.ts";
import { createRunReader, readEvents } from "./store/run-reader.ts";
import type { Announce } from "./store/run-writer.ts";
import { createScreeningReader, type ScreeningReader } from "./store/screening-reader.ts";
import { insertScreenings, removeScreenings } from "./store/screening-writer.ts";
import type { KeyReader, RunReader } from "./store/types.ts";
import { createSandboxRecords } from "./store/sandbox-records.ts";
import { createSandboxes, type SandboxHost } from "./sandboxes/sandboxes.ts";
import type { Sandboxes } from "./sandboxes/types.ts";
import { engineForSandbox } from "./submit/sandbox-engine.ts";
import { createSubmit, type ClosableSubmit } from "./submit/submit.ts";
import { createWorker, type Worker } from "./worker/worker.ts";

/** Parts of a server that a test gives instead of the real ones. */
export interface Overrides {
  /** Owned by the server: closed with it. */
  readonly executor?: Executor;
  readonly log?: ReturnType<typeof createLog>;
}

/** A server that is wired, and does nothing yet. */
export interface ComposedServer extends AsyncDisposable {
  readonly submit: ClosableSubmit;
  readonly reader: RunReader;
  readonly keys: KeyReader;
  readonly bus: LocalBus;
  readonly queue: Queue;
  readonly metrics: ServerMetrics;
  readonly log: ReturnType<typeof createLog>;
  readonly catalog: () => Promise<Catalog>;
  /** Null without the worker role. */
  readonly worker: Worker | null;
  /** Null without the gateway role. */
  readonly gateway: Gateway | null;
  readonly screenings: ScreeningReader;
  /** Screens without a model; null without the gateway role. */
  readonly screen: Screen | null;
  readonly sandboxes: Sandboxes;
  /** Undefined where the database had a key that the data directory does not know. */
  readonly bootstrapKey: string | undefined;
  /** Releases everything, in reverse; running work is given back after `drainMs`. */
  close(): Promise<void>;
}

const CHANNEL = "crucible_events";

/** Builds and wires all parts. What was acquired is released if a later part fails. */
export async function composeServer(config: Config, overrides: Overrides = {}): Promise<ComposedServer> {
  await using undo = new AsyncDisposableStack();
  const log = overrides.log ?? createLog(config.logLevel);
  const works = config.roles.includes("worker");
  const embedded = config.databaseUrl === undefined;
  if (embedded || works) undo.use(await lockDataDir(config.dataDir));
  const database = await openDatabase({ url: config.databaseUrl, directory: join(config.dataDir, "db"), log });
  undo.defer(() => database.close());
  await migrate(database).catch((error: unknown) => {
    throw isDatabaseLost(error) ? new DatabaseUnreachableError(config.databaseUrl, error) : error;
  });
  if (database.vacuum !== null) undo.use(everyVacuum(database.vacuum, log));
  const queue = undo.use(await openQueue({ database, log }));
  const bus = createBus({ log });
  const id = `${hostname()}-${process.pid}-${randomUUID()}`;
  const announce: Announce | null = embedded ? null : { channel: CHANNEL, origin: id };
  if (!embedded) undo.defer(await follow(database, bus, queue, id, log));
  const keys = createApiKeys(database);
  const bootstrapKey = await ensureBootstrapKey(keys, config.dataDir, config.apiKey);
  const executor = works
    ? undo.use(overrides.executor ?? (await createChildExecutor(executorOptions(config, log))))
    : null;
  const catalog = executor === null ? createCatalogReader(database, config.leaseMs) : () => executor.catalog();
  const recent = createRecentRuns();
  const reader = readingRecent(createRunReader(database), recent);
  const metrics = createServerMetrics({
    queueDepth: reader.queueDepth,
    engines: async () => (await catalog()).engines,
  });
  const submit = createSubmit({
    database,
    queue,
    bus,
    announce,
    catalog,
    knownLanguages: knownLanguages(),
    refuseNetwork,
    metrics,
    queueLimit: config.queueLimit,
  });
  undo.defer(() => submit.refuse());
  const worker =
    executor === null
      ? null
      : createWorker({
          id,
          database,
          queue,
          announce,
          executor,
          recent,
          bus,
          metrics,
          log,
          settings: workerSettings(config),
        });
  if (worker !== null) undo.defer(() => worker.stop(config.drainMs));
  const host: SandboxHost | null =
    executor === null
      ? null
      : {
          open: (engine, { limits, env, network, language, image }) =>
            executor.openSession(engine, {
              limits: definedOnly(limits),
              env,
              ...(language === undefined ? {} : { language }),
              ...(image === undefined ? {} : { image }),
              ...(network === undefined ? {} : { network }),
            }),
          chooseEngine: async (request) =>
            engineForSandbox(request, { catalog: await catalog(), knownLanguages: knownLanguages() }),
        };
  const sandboxes = undo.use(
    createSandboxes({
      host,
      records: createSandboxRecords(database, id),
      cleanArchive,
      onCount: (open) => metrics.openSandboxes(open),
      onProgram: (engine, judged) => metrics.sandboxProgram(engine, judged),
      log,
      maxReplyBytes: config.bodyLimitBytes,
    }),
  );
  const gateway = config.roles.includes("gateway") ? undo.use(await openGateway(config, database, metrics, log)) : null;

  const resources = undo.move();
  const close = (): Promise<void> => resources.disposeAsync();
  return {
    submit,
    reader,
    keys,
    bus,
    queue,
    metrics,
    log,
    catalog,
    worker,
    gateway,
    screenings: createScreeningReader(database),
    screen: gateway?.screen ?? null,
    sandboxes,
    bootstrapKey,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Where Node keeps the compiled modules of processes that the server starts. */
export const compileCacheDir = (dataDir: string): string => join(dataDir, "cache", `node-${process.versions.node}`);

/** Only what engines need crosses to their process: no database, no key. */
function executorOptions(config: Config, log: ReturnType<typeof createLog>) {
  const { allowUnsafe, forkPython, ociRootfs, pool, docker, engine, minIsolation } = config;
  const { concurrency, networkAllow, maxLimits, logLevel } = config;
  const cacheDir = compileCacheDir(config.dataDir);
  return {
    settings: {
      allowUnsafe,
      forkPython,
      ociRootfs,
      pool,
      docker,
      engine,
      minIsolation,
      concurrency,
      networkAllow,
      maxLimits,
      cacheDir: join(config.dataDir, "cache"),
    },
    logLevel,
    log,
    cacheDir,
  };
}

function workerSettings(config: Config) {
  const { concurrency, leaseMs, pollMs, maxAttempts } = config;
  return { concurrency, leaseMs, pollMs, maxAttempts, heartbeatMs: Math.max(100, Math.floor(leaseMs / 5)) };
}

function follow(database: Database, bus: LocalBus, queue: Queue, origin: string, log: ReturnType<typeof createLog>) {
  return followRemoteEvents({
    listen: (onNotification, onReconnect) => database.listen(CHANNEL, onNotification, onReconnect),
    readEvents: (seqs) => readEvents(database.kysely, seqs),
    bus,
    origin,
    onQueued: () => queue.wake(),
    log,
  });
}

/** The guard with its models, the gateway before it, and the record of what they say. */
async function openGateway(
  config: Config,
  database: Database,
  metrics: ServerMetrics,
  log: ReturnType<typeof createLog>,
) {
  await using undo = new AsyncDisposableStack();
  const policy = config.guardPolicy === undefined ? undefined : await loadPolicy(config.guardPolicy);
  const guard = undo.use(
    await createGuard({
      ...(policy === undefined ? {} : { policy }),
      // Where `crucible models` keeps what a policy names, and what its relative paths start from.
      dataDir: config.dataDir,
      ...(config.guardPolicy === undefined ? {} : { baseDir: dirname(config.guardPolicy) }),
      onEvent: (event) => log.warn(event, "a stage of the guard changed"),
    }),
  );
  const hash = createHashText(ensureScreeningKey(config.dataDir, config.screeningKey));
  const recorderMetrics = createRecorderMetrics(metrics.registry);
  const { storeText } = guard.policy;
  const insert = (rows: Parameters<typeof insertScreenings>[1]) => insertScreenings(database, rows);
  const recorder = createRecorder({ insert, hash, storeText, metrics: recorderMetrics, log });
  undo.defer(() => recorder.close());
  const { screeningsRetention: retention } = config;
  const remove = (bounds: Parameters<typeof removeScreenings>[1]) => removeScreenings(database, bounds);
  undo.use(keepWithinBounds({ retention, remove, metrics: recorderMetrics, log }));
  const gateway = undo.use(createGateway({ config: config.gateway, guard, recorder, registry: metrics.registry, log }));
  const { maxTextLength } = config.gateway;
  const screen = createScreen({ guard, recorder, hash, maxTextLength, onScreened: gateway.metrics.screened });
  const resources = undo.move();
  return { ...gateway, screen, [Symbol.asyncDispose]: () => resources.disposeAsync() };
}

const VACUUM_EVERY_MS = 15 * 60_000;

function everyVacuum(vacuum: () => Promise<void>, log: ReturnType<typeof createLog>): Disposable {
  const timer = setInterval(() => {
    vacuum().catch((error: unknown) => log.warn({ err: error }, "dead rows could not be removed"));
  }, VACUUM_EVERY_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function knownLanguages(): ReadonlySet<string> {
  return new Set(LANGUAGES.flatMap((language) => [language.name, ...language.aliases]));
}
