import { createHash, timingSafeEqual } from "node:crypto";
import { pino } from "pino";
import { ApiError } from "@crucible/contract";
import type { Outcome, Run, RunEvent, RunRequest, SelfcheckReport, StoredRunEvent } from "@crucible/contract";
import type { BusMessage, EventBus } from "../../events/types.ts";
import type { KeyReader, NumberedEvent, RunReader } from "../../store/types.ts";
import type { Submit } from "../../submit/types.ts";
import { DEFAULT_HTTP_SETTINGS } from "../deps.ts";
import type { HttpDeps, HttpSettings, OfferedCatalog } from "../deps.ts";
import { createServerMetrics } from "../metrics.ts";

/** The key that the in-memory key store knows. */
export const TEST_KEY = "key-for-tests";

/** An event bus that calls its listeners at once, in the order they came. */
export function memoryBus(): EventBus & { listeners(): number } {
  const listeners = new Map<string, Set<(message: BusMessage) => void>>();
  return {
    publish(message) {
      for (const topic of [message.event.runId, "*"])
        for (const listener of [...(listeners.get(topic) ?? [])]) listener(message);
    },
    subscribe(topic, listener) {
      const here = listeners.get(topic) ?? new Set();
      listeners.set(topic, here.add(listener));
      return () => {
        here.delete(listener);
        if (here.size === 0) listeners.delete(topic);
      };
    },
    listeners: () => [...listeners.values()].reduce((sum, { size }) => sum + size, 0),
  };
}

const MiB = 1024 * 1024;
const LIMITS = {
  wallTimeMs: 300_000,
  cpuTimeMs: 300_000,
  cpus: 8,
  memoryBytes: 4096 * MiB,
  pids: 1024,
  stdoutBytes: 16 * MiB,
  stderrBytes: 16 * MiB,
  fileSizeBytes: 1024 * MiB,
  diskBytes: 1024 * MiB,
  openFiles: 4096,
};

/** Python, C++ and JavaScript on one engine. */
export const TEST_CATALOG: OfferedCatalog = {
  languages: [
    { name: "python", aliases: ["py", "python3"], extensions: ["py"], version: "3.11.2", compiled: false },
    { name: "c++", aliases: ["cpp", "g++"], extensions: ["cpp", "cc"], version: "g++ 12.2.0", compiled: true },
    { name: "javascript", aliases: ["js", "node"], extensions: ["js", "mjs"], version: "24.1.0", compiled: false },
    { name: "lua", aliases: [], extensions: ["lua"], version: "5.2", compiled: false },
  ],
  engines: [
    {
      engine: "bubblewrap",
      isolation: "namespace",
      available: true,
      allowed: true,
      isDefault: true,
      version: "0.8.0",
      reason: null,
      fix: null,
      belts: [{ name: "seccomp", on: true, detail: "allow-list" }],
    },
  ],
  maxLimits: LIMITS,
};

/** An outcome of a program that printed `hello` and ended well. */
export function outcome(change: Partial<Outcome> = {}): Outcome {
  return {
    status: "exited",
    exitCode: 0,
    signal: null,
    stdout: "hello\n",
    stdoutEncoding: "utf8",
    stdoutTruncated: false,
    stderr: "",
    stderrEncoding: "utf8",
    stderrTruncated: false,
    wallMs: 12.4,
    cpuMs: 8.2,
    peakMemoryBytes: 9_000_000,
    limitsHit: [],
    engine: "bubblewrap",
    isolation: "namespace",
    languageVersion: "3.11.2",
    reason: null,
    setupMs: 3,
    limits: LIMITS,
    compile: null,
    violations: [],
    behaviourScore: 0,
    ...change,
  };
}

/** Runs in memory, with the parts of submit, reader and worker that HTTP meets. */
export interface MemoryRuns {
  readonly submit: Submit;
  readonly reader: RunReader;
  /** What was submitted, oldest first. */
  readonly requests: RunRequest[];
  /** Stores and publishes an event. */
  record(event: StoredRunEvent): NumberedEvent;
  /** Publishes a piece of output. */
  output(runId: string, stream: "stdout" | "stderr", text: string): void;
  /** Ends a run, as the worker does: stored first, then said. */
  finish(runId: string, result?: Outcome): void;
  /** Called with each run right after it was stored, before `submitRun` returns. */
  onSubmit: ((run: Run) => void) | null;
  /** Thrown by everything while set, as by a database that is away. */
  failure: Error | null;
}

const iso = (): string => new Date().toISOString();

/** In-memory runs that publish on `bus`. */
export function memoryRuns(bus: EventBus): MemoryRuns {
  const runs = new Map<string, Run>();
  const events: NumberedEvent[] = [];
  const alive = (): void => {
    if (state.failure !== null) throw state.failure;
  };
  const known = (id: string): Run => {
    const run = runs.get(id);
    if (run === undefined) throw new ApiError("not_found", `there is no run ${id}`);
    return run;
  };
  const accept = (request: RunRequest): Run => {
    const id = `run_${String(runs.size + 1).padStart(26, "0")}`;
    const run: Run = {
      id,
      status: "queued",
      language: request.language,
      isolation: request.isolation ?? null,
      priority: request.priority,
      labels: request.labels,
      attempt: 0,
      createdAt: iso(),
      startedAt: null,
      finishedAt: null,
      outcome: null,
    };
    runs.set(id, run);
    state.requests.push(request);
    state.record({ type: "run.queued", runId: id, at: iso(), language: request.language });
    state.onSubmit?.(run);
    return run;
  };
  const state: MemoryRuns = {
    requests: [],
    onSubmit: null,
    failure: null,
    submit: {
      async submitRun(request) {
        alive();
        return accept(request);
      },
      async submitBatch(requests) {
        alive();
        return requests.map(accept);
      },
      async cancelRun(id) {
        alive();
        if (known(id).status === "finished") throw new ApiError("run_not_cancellable", "the run has already finished");
        state.finish(id, outcome({ status: "cancelled", exitCode: null }));
        return known(id);
      },
    },
    reader: {
      async getRun(id) {
        alive();
        return runs.get(id) ?? null;
      },
      async listRuns({ limit, language }) {
        alive();
        const found = [...runs.values()].filter((run) => language === undefined || run.language === language);
        return { runs: found.reverse().slice(0, limit), nextCursor: null };
      },
      async eventsAfter(runId, afterSeq) {
        alive();
        return events.filter(({ seq, event }) => event.runId === runId && seq > afterSeq);
      },
      async queueDepth() {
        alive();
        return [...runs.values()].filter(({ status }) => status === "queued").length;
      },
      async ping() {
        alive();
      },
    },
    record(event) {
      const numbered = { seq: events.length + 1, event };
      events.push(numbered);
      bus.publish(numbered);
      return numbered;
    },
    output(runId, stream, text) {
      const event: RunEvent = {
        type: "run.output",
        runId,
        at: iso(),
        step: "run",
        stream,
        data: Buffer.from(text).toString("base64"),
      };
      bus.publish({ seq: null, event });
    },
    finish(runId, result = outcome()) {
      const run = known(runId);
      runs.set(runId, { ...run, status: "finished", attempt: 1, startedAt: iso(), finishedAt: iso(), outcome: result });
      const { status, exitCode, signal, reason, behaviourScore } = result;
      state.record({ type: "run.finished", runId, at: iso(), status, exitCode, signal, reason, behaviourScore });
    },
  };
  return state;
}

/** Keys in memory, compared as the real ones are. `calls` counts the look-ups. */
export function memoryKeys(...keys: string[]): KeyReader & { calls: number; revoke(key: string): void } {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  let known = keys.map(digest);
  return {
    calls: 0,
    async verify(key) {
      this.calls++;
      return known.some((one) => timingSafeEqual(one, digest(key))) ? { id: "key_1", name: "test" } : null;
    },
    revoke(key) {
      known = known.filter((one) => !one.equals(digest(key)));
    },
  };
}

/** A report with one check that passed. */
export const TEST_SELFCHECK: SelfcheckReport = {
  version: 1,
  createdAt: "2026-01-31T12:00:00.000Z",
  durationMs: 1,
  crucible: { version: "0.0.0-test", commit: null },
  scope: { engines: ["bubblewrap"], groups: ["files"], quick: false },
  host: {
    os: "Test Linux",
    kernel: "6.1.0",
    arch: "x64",
    cpus: 2,
    memoryBytes: 1024,
    asRoot: false,
    node: "24.0.0",
    facts: [],
  },
  engines: [],
  checks: [{ id: "files.mounts", group: "files", engine: "bubblewrap", status: "passed", detail: "" }],
  catalogue: [{ id: "files.mounts", group: "files", title: "has every mount read-only", incident: "CVE-2025-52565" }],
  controls: [],
  summary: { bubblewrap: { passed: 1, failed: 0, not_promised: 0, skipped: 0, inconclusive: 0 } },
  sha256: "0".repeat(64),
};

/** Sandboxes of a server that has none, and never had one. */
function noSandboxes(): HttpDeps["sandboxes"] {
  const none = async (): Promise<never> => {
    throw new ApiError("not_found", "there is no such sandbox");
  };
  return {
    create: async () => {
      throw new ApiError("engine_unavailable", "there are no sandboxes here");
    },
    list: async () => ({ sandboxes: [], nextCursor: null }),
    get: none,
    remove: none,
    expectOpen: none,
    exec: none,
    openTerminal: none,
    writeToTerminal: none,
    resizeTerminal: none,
    writeFile: none,
    readFile: none,
    listDirectory: none,
    readArchive: none,
    writeArchive: none,
  };
}

/** Everything `buildApp` needs, in memory. */
export function memoryDeps(settings: Partial<HttpSettings> = {}) {
  const bus = memoryBus();
  const runs = memoryRuns(bus);
  const keys = memoryKeys(TEST_KEY);
  const metrics = createServerMetrics({
    queueDepth: runs.reader.queueDepth,
    engines: async () => TEST_CATALOG.engines,
    processMetrics: false,
  });
  const deps: HttpDeps = {
    submit: runs.submit,
    reader: runs.reader,
    keys,
    bus,
    catalog: async () => TEST_CATALOG,
    selfcheck: async () => null,
    selfchecks: null,
    sandboxes: noSandboxes(),
    screenings: {
      getScreening: async () => null,
      listScreenings: async () => ({ screenings: [], nextCursor: null }),
      statistics: async () => {
        throw new ApiError("database_unavailable", "there is no database here");
      },
    },
    screen: null,
    queueReady: async () => {},
    metrics,
    log: pino({ level: "silent" }),
    settings: { ...DEFAULT_HTTP_SETTINGS, version: "0.0.0-test", ...settings },
  };
  return { deps, bus, runs, keys, metrics };
}
