import { randomBytes } from "node:crypto";
import { createBreaker, createOutputScreening, DEFAULT_BREAKER, type Guard } from "@crucible/guard";
import type { Registry } from "prom-client";
import type { Log } from "../log.ts";
import { DEFAULT_UPSTREAM } from "./config/schema.ts";
import type { GatewayConfig } from "./config/types.ts";
import { createInFlight } from "./in-flight.ts";
import { createGatewayMetrics, type GatewayMetrics } from "./metrics.ts";
import { createModelMap, STUB } from "./models.ts";
import { screensAnswers } from "./output/prepare.ts";
import type { ScreeningRecorder } from "./screenings/types.ts";
import { createStubModel } from "./stub/stub-model.ts";
import type { BoundedUpstream, Gateway } from "./types.ts";
import { createHttpTransport } from "./upstream/http-transport.ts";
import { createStubTransport } from "./upstream/stub-transport.ts";
import { createUpstream } from "./upstream/upstream.ts";

/** What a gateway is built from; it owns none of these. */
export interface GatewayParts {
  readonly config: GatewayConfig;
  readonly guard: Guard;
  readonly recorder: ScreeningRecorder;
  readonly registry: Registry;
  readonly log: Log;
}

/** Builds a gateway. `close` ends its idle connections; calls that run end with their requests. @throws ReplayFileError */
export function createGateway(parts: GatewayParts): Gateway & Disposable {
  const { config, guard, recorder, registry, log } = parts;
  const upstreams = new Map<string, BoundedUpstream>();
  const metrics = createGatewayMetrics(registry, { guard, upstreams: () => [...upstreams.values()] });
  for (const upstream of openUpstreams(config, metrics, log)) upstreams.set(upstream.name, upstream);
  const { output: policy } = guard.policy;
  const output = screensAnswers(policy) ? createOutputScreening({ policy, screenText: guard.screen }) : null;
  return {
    config,
    guard,
    output,
    secret: randomBytes(32),
    inFlight: createInFlight(),

    models: createModelMap(config),
    upstreams,
    metrics,
    recorder,
    log,
    [Symbol.dispose]: () => {
      for (const upstream of upstreams.values()) upstream.close();
    },
  };
}

function openUpstreams(config: GatewayConfig, observe: GatewayMetrics, log: Log): BoundedUpstream[] {
  const breakerOf = (name: string, settings: typeof DEFAULT_BREAKER) =>
    createBreaker(settings, performance, (state) =>
      log.warn({ upstream: name, state }, "the breaker of an upstream changed"),
    );
  const opened = config.upstreams.map((settings): BoundedUpstream => {
    const { name, key, timeoutMs, idleTimeoutMs, maxResponseBytes, breaker } = settings;
    const transport = createHttpTransport(settings);
    const upstream = createUpstream({ settings, transport, breaker: breakerOf(name, breaker as never), observe });
    return { ...upstream, key, timeoutMs, idleTimeoutMs, maxResponseBytes };
  });
  if (config.stub === null) return opened;
  const settings = { ...DEFAULT_UPSTREAM, name: STUB };
  const transport = createStubTransport(createStubModel(config.stub));
  const stub = createUpstream({ settings, transport, breaker: breakerOf(STUB, DEFAULT_BREAKER), observe });
  const { timeoutMs, idleTimeoutMs, maxResponseBytes } = settings;
  return [...opened, { ...stub, key: null, timeoutMs, idleTimeoutMs, maxResponseBytes }];
}
