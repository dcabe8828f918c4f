import type { Guard, OutputVerdict, Verdict } from "@crucible/guard";
import { Counter, Gauge, type Registry } from "prom-client";
import { createQuickCounter, createQuickHistogram } from "./quick-metrics.ts";
import type { FailureKind } from "./upstream/types.ts";
import type { Upstream, UpstreamObserver } from "./upstream/upstream.ts";

/** What the gateway tells whoever counts. */
export interface GatewayMetrics extends UpstreamObserver {
  /** A prompt was screened; all stages together took `ms`. */
  screened(verdict: Verdict, ms: number): void;
  /** An answer of a model was screened; `check` decided, `reason` is the kind of what it found. */
  answerScreened(verdict: OutputVerdict, check: string, reason: string): void;
  /** A call ended, in whatever way; `outcome` is the status, or how it failed. */
  called(upstream: string, outcome: number | FailureKind | "client_gone", ms: number): void;
  tokens(upstream: string, prompt: number, completion: number): void;
}

/** Sources that are read at the moment of a scrape. */
export interface GatewaySources {
  readonly guard: Pick<Guard, "stats">;
  readonly upstreams: () => readonly Upstream[];
}

const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const CALL_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const STATES = { closed: 0, half_open: 1, open: 2 } as const;

/** Metrics of the gateway in the registry of the server. */
export function createGatewayMetrics(registry: Registry, sources: GatewaySources): GatewayMetrics {
  const decisions = createQuickCounter(registry, {
    name: "crucible_guard_decisions_total",
    help: "Screened prompts and answers, by decision, the stage that decided and why.",
    labelNames: ["direction", "decision", "stage", "reason"],
  });
  const stages = createQuickHistogram(registry, {
    name: "crucible_guard_stage_seconds",
    help: "Time that a stage worked on one prompt; nothing for what came from the cache.",
    labelNames: ["stage"],
    buckets: SECONDS,
  });
  const whole = createQuickHistogram(registry, {
    name: "crucible_guard_screening_seconds",
    help: "Time that the screening of one prompt took.",
    labelNames: [],
    buckets: SECONDS,
  });
  const failures = createQuickCounter(registry, {
    name: "crucible_guard_failures_total",
    help: "Stages that gave no answer, and whether the policy then lets the prompt pass (open) or not (closed).",
    labelNames: ["stage", "reason", "fail"],
  });
  const answers = createQuickHistogram(registry, {
    name: "crucible_guard_answer_seconds",
    help: "Time that the screening of one answer took, all its pieces together.",
    labelNames: [],
    buckets: SECONDS,
  });
  const findings = createQuickCounter(registry, {
    name: "crucible_guard_findings_total",
    help: "What checks of answers found, by kind and what was done about it.",
    labelNames: ["check", "kind", "action"],
  });
  const calls = createQuickHistogram(registry, {
    name: "crucible_upstream_seconds",
    help: "Calls to servers of models, from the first attempt to the end of the answer.",
    labelNames: ["upstream", "outcome"],
    buckets: CALL_SECONDS,
  });
  const failed = createQuickCounter(registry, {
    name: "crucible_upstream_failures_total",
    help: "Attempts that failed, by how.",
    labelNames: ["upstream", "kind"],
  });
  const retried = createQuickCounter(registry, {
    name: "crucible_upstream_retries_total",
    help: "Attempts after the first.",
    labelNames: ["upstream"],
  });
  const tokens = createQuickCounter(registry, {
    name: "crucible_gateway_tokens_total",
    help: "Tokens as the servers of models count them.",
    labelNames: ["upstream", "kind"],
  });
  serveStates(registry, sources);

  return {
    screened: ({ decision, stage, reason, perStage, failures: broken }, ms) => {
      decisions(1, "input", decision, stage ?? "none", reason);
      whole(ms / 1000);
      for (const { stage: name, latencyMs } of perStage) {
        if (latencyMs > 0) stages(latencyMs / 1000, name);
      }
      for (const failure of broken) failures(1, failure.stage, failure.reason, failure.fail);
    },
    answerScreened: ({ decision, findings: found, failures: broken, latencyMs }, check, reason) => {
      decisions(1, "output", decision, check, reason);
      answers(latencyMs / 1000);
      for (const finding of found) findings(1, finding.check, finding.kind, finding.action);
      for (const failure of broken) failures(1, failure.stage, failure.reason, failure.fail);
    },
    called: (upstream, outcome, ms) => calls(ms / 1000, upstream, String(outcome)),
    tokens: (upstream, prompt, completion) => {
      tokens(prompt, upstream, "prompt");
      tokens(completion, upstream, "completion");
    },
    failed: (upstream, kind) => failed(1, upstream, kind),
    retried: (upstream) => retried(1, upstream),
  };
}

/** Counts and states that others keep. */
function serveStates(registry: Registry, { guard, upstreams }: GatewaySources): void {
  const registers = [registry];
  new Gauge({
    name: "crucible_breaker_state",
    help: "Circuit breakers of servers and stages: 0 closed, 1 half open, 2 open.",
    labelNames: ["of", "name"],
    registers,
    collect() {
      this.reset();
      for (const { name, breaker } of upstreams()) this.set({ of: "upstream", name }, STATES[breaker.state()]);
      for (const { name, breaker } of guard.stats().stages)
        if (breaker !== null) this.set({ of: "stage", name }, STATES[breaker.state]);
    },
  });
  new Counter({
    name: "crucible_guard_cache_total",
    help: "Look-ups of verdicts in the cache, by result.",
    labelNames: ["result"],
    registers,
    collect() {
      this.reset();
      const { cache } = guard.stats();
      this.inc({ result: "hit" }, cache?.hits ?? 0);
      this.inc({ result: "miss" }, cache?.misses ?? 0);
    },
  });
  new Gauge({
    name: "crucible_guard_cache_entries",
    help: "Verdicts in the cache.",
    registers,
    collect() {
      this.set(guard.stats().cache?.entries ?? 0);
    },
  });
}
