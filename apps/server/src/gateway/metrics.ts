import type { Guard, OutputVerdict, Verdict } from "@crucible/guard";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
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
  const registers = [registry];
  const decisions = new Counter({
    name: "crucible_guard_decisions_total",
    help: "Screened prompts and answers, by decision, the stage that decided and why.",
    labelNames: ["direction", "decision", "stage", "reason"],
    registers,
  });
  const stages = new Histogram({
    name: "crucible_guard_stage_seconds",
    help: "Time that a stage worked on one prompt; nothing for what came from the cache.",
    labelNames: ["stage"],
    buckets: SECONDS,
    registers,
  });
  const whole = new Histogram({
    name: "crucible_guard_screening_seconds",
    help: "Time that the screening of one prompt took.",
    buckets: SECONDS,
    registers,
  });
  const failures = new Counter({
    name: "crucible_guard_failures_total",
    help: "Stages that gave no answer, and whether the policy then lets the prompt pass (open) or not (closed).",
    labelNames: ["stage", "reason", "fail"],
    registers,
  });
  const answers = new Histogram({
    name: "crucible_guard_answer_seconds",
    help: "Time that the screening of one answer took, all its pieces together.",
    buckets: SECONDS,
    registers,
  });
  const findings = new Counter({
    name: "crucible_guard_findings_total",
    help: "What checks of answers found, by kind and what was done about it.",
    labelNames: ["check", "kind", "action"],
    registers,
  });
  const calls = new Histogram({
    name: "crucible_upstream_seconds",
    help: "Calls to servers of models, from the first attempt to the end of the answer.",
    labelNames: ["upstream", "outcome"],
    buckets: CALL_SECONDS,
    registers,
  });
  const failed = new Counter({
    name: "crucible_upstream_failures_total",
    help: "Attempts that failed, by how.",
    labelNames: ["upstream", "kind"],
    registers,
  });
  const retried = new Counter({
    name: "crucible_upstream_retries_total",
    help: "Attempts after the first.",
    labelNames: ["upstream"],
    registers,
  });
  const tokens = new Counter({
    name: "crucible_gateway_tokens_total",
    help: "Tokens as the servers of models count them.",
    labelNames: ["upstream", "kind"],
    registers,
  });
  serveStates(registry, sources);

  return {
    screened: ({ decision, stage, reason, perStage, failures: broken }, ms) => {
      decisions.inc({ direction: "input", decision, stage: stage ?? "none", reason });
      whole.observe(ms / 1000);
      for (const { stage: name, latencyMs } of perStage) {
        if (latencyMs > 0) stages.observe({ stage: name }, latencyMs / 1000);
      }
      for (const failure of broken) failures.inc({ stage: failure.stage, reason: failure.reason, fail: failure.fail });
    },
    answerScreened: ({ decision, findings: found, failures: broken, latencyMs }, check, reason) => {
      decisions.inc({ direction: "output", decision, stage: check, reason });
      answers.observe(latencyMs / 1000);
      for (const finding of found) findings.inc({ check: finding.check, kind: finding.kind, action: finding.action });
      for (const failure of broken) failures.inc({ stage: failure.stage, reason: failure.reason, fail: failure.fail });
    },
    called: (upstream, outcome, ms) => calls.observe({ upstream, outcome: String(outcome) }, ms / 1000),
    tokens: (upstream, prompt, completion) => {
      tokens.inc({ upstream, kind: "prompt" }, prompt);
      tokens.inc({ upstream, kind: "completion" }, completion);
    },
    failed: (upstream, kind) => failed.inc({ upstream, kind }),
    retried: (upstream) => retried.inc({ upstream }),
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
