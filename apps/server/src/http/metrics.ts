import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { EngineInfo, ExecResult } from "@crucible/contract";
import type { Metrics } from "../metrics-types.ts";

/** What is read at the moment of a scrape. A source that fails leaves its metric out and never fails the scrape. */
export interface MetricsSources {
  /** Waiting runs. */
  readonly queueDepth: () => Promise<number>;
  readonly engines: () => Promise<readonly EngineInfo[]>;
  /** Memory, CPU, event loop and garbage collector of this process; default true. */
  readonly processMetrics?: boolean;
}

/** What submit, worker and HTTP report to, and what `/metrics` prints. */
export interface ServerMetrics extends Metrics {
  /** `route` is the pattern (`/api/v1/runs/:id`), never a raw path: labels must stay few. */
  httpRequest(method: string, route: string, status: number, durationMs: number): void;
  /** Sandboxes that stay, open now. */
  openSandboxes(open: number): void;
  /** A program has ended in a sandbox that stays. */
  sandboxProgram(engine: string, judged: Pick<ExecResult, "violations" | "behaviourScore">): void;
  /** Live event streams. */
  eventStreams(open: number): void;
  /** Where other roles put their metrics, to be printed with these. */
  readonly registry: Registry;
  exposition(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const LATENCY_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** `le="0"` counts the runs in which nothing was seen. */
const SCORES = [0, 10, 20, 30, 40, 50, 60, 80, 100];
const RUN_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Metrics in a registry of their own: two servers in one process do not meet. */
export function createServerMetrics(sources: MetricsSources): ServerMetrics {
  const register = new Registry();
  const registers = [register];
  if (sources.processMetrics !== false) collectDefaultMetrics({ register });

  const accepted = new Counter({
    name: "crucible_runs_accepted_total",
    help: "Runs accepted.",
    labelNames: ["language"],
    registers,
  });
  const finished = new Counter({
    name: "crucible_runs_finished_total",
    help: "Runs that ended, by outcome.",
    labelNames: ["status", "language", "engine"],
    registers,
  });
  const violations = new Counter({
    name: "crucible_run_violations_total",
    help: "Runs in which a violation of this kind was seen.",
    labelNames: ["kind", "engine"],
    registers,
  });
  const scores = new Histogram({
    name: "crucible_run_behaviour_score",
    help: "What the violations of a run weigh together, 0 to 100.",
    labelNames: ["engine"],
    buckets: SCORES,
    registers,
  });
  const programViolations = new Counter({
    name: "crucible_sandbox_violations_total",
    help: "Programs in sandboxes that stay in which a violation of this kind was seen.",
    labelNames: ["kind", "engine"],
    registers,
  });
  const programScores = new Histogram({
    name: "crucible_sandbox_behaviour_score",
    help: "What the violations of a program in a sandbox that stays weigh together, 0 to 100.",
    labelNames: ["engine"],
    buckets: SCORES,
    registers,
  });
  const refused = new Counter({
    name: "crucible_queue_full_total",
    help: "Submissions refused because the queue was full.",
    registers,
  });
  const requeued = new Counter({
    name: "crucible_runs_requeued_total",
    help: "Runs given back to the queue.",
    registers,
  });
  const wait = new Histogram({
    name: "crucible_queue_wait_seconds",
    help: "From acceptance to the start of the attempt that ended the run.",
    buckets: RUN_SECONDS,
    registers,
  });
  const start = new Histogram({
    name: "crucible_sandbox_start_seconds",
    help: "Preparing the sandbox before the program's first instruction.",
    labelNames: ["engine"],
    buckets: LATENCY_SECONDS,
    registers,
  });
  const run = new Histogram({
    name: "crucible_run_seconds",
    help: "The program's own elapsed time.",
    labelNames: ["engine"],
    buckets: RUN_SECONDS,
    registers,
  });
  const busy = new Gauge({ name: "crucible_worker_slots_busy", help: "Slots of the local worker in use.", registers });
  const slots = new Gauge({ name: "crucible_worker_slots", help: "Slots of the local worker.", registers });
  const pending = new Gauge({
    name: "crucible_store_pending_runs",
    help: "Finished runs kept in memory until the database answers.",
    registers,
  });
  const streams = new Gauge({ name: "crucible_event_streams", help: "Open event streams.", registers });
  const sandboxes = new Gauge({ name: "crucible_sandboxes", help: "Open sandboxes that stay.", registers });
  const http = new Histogram({
    name: "crucible_http_request_seconds",
    help: "HTTP requests by route; `wait=true` includes the run.",
    labelNames: ["method", "route", "status"],
    buckets: LATENCY_SECONDS,
    registers,
  });
  new Gauge({
    name: "crucible_queue_depth",
    help: "Runs that wait.",
    registers,
    async collect() {
      this.reset();
      await sources.queueDepth().then(
        (depth) => this.set(depth),
        () => this.set(Number.NaN),
      );
    },
  });
  new Gauge({
    name: "crucible_engine_available",
    help: "1 when the engine works on this host and is allowed.",
    labelNames: ["engine", "isolation"],
    registers,
    async collect() {
      this.reset();
      const engines = await sources.engines().catch(() => []);
      for (const { engine, isolation, available, allowed } of engines)
        this.set({ engine, isolation }, available && allowed ? 1 : 0);
    },
  });

  return {
    runsAccepted: (language, count) => accepted.inc({ language }, count),
    queueFull: () => refused.inc(),
    runRequeued: () => requeued.inc(),
    runFinished({ status, language, engine, waitMs, startMs, runMs, violations: kinds, behaviourScore }) {
      finished.inc({ status, language, engine });
      for (const kind of kinds) violations.inc({ kind, engine });
      scores.observe({ engine }, behaviourScore);
      wait.observe(waitMs / 1000);
      start.observe({ engine }, startMs / 1000);
      run.observe({ engine }, runMs / 1000);
    },
    workerSlots(inUse, total) {
      busy.set(inUse);
      slots.set(total);
    },
    storePending: (count) => pending.set(count),
    httpRequest: (method, route, status, durationMs) => http.observe({ method, route, status }, durationMs / 1000),
    openSandboxes: (open) => sandboxes.set(open),
    sandboxProgram(engine, { violations: seen, behaviourScore }) {
      for (const kind of new Set(seen.map((one) => one.kind))) programViolations.inc({ kind, engine });
      programScores.observe({ engine }, behaviourScore);
    },
    eventStreams: (open) => streams.set(open),
    registry: register,
    exposition: async () => ({ contentType: register.contentType, body: await register.metrics() }),
  };
}
