import type { Guard, OutputScreening } from "@crucible/guard";
import type { FastifyReply } from "fastify";
import type { Log } from "../log.ts";
import type { GatewayConfig } from "./config/types.ts";
import type { InFlight } from "./in-flight.ts";
import type { GatewayMetrics } from "./metrics.ts";
import type { ModelMap } from "./models.ts";
import type { ModelRequest } from "./request/read-request.ts";
import type { ScreeningRecorder } from "./screenings/types.ts";
import type { Upstream } from "./upstream/upstream.ts";

/** An upstream with the bounds of its answers. */
export interface BoundedUpstream extends Upstream {
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxResponseBytes: number;
  /** This server's key for it, so that no answer can repeat it to a client. */
  readonly key: string | null;
}

/** Everything that a request to a model needs. */
export interface Gateway {
  readonly config: GatewayConfig;
  readonly guard: Pick<Guard, "screen" | "policy" | "describe">;
  readonly models: ModelMap;
  /** By name; the stub among them. */
  readonly upstreams: ReadonlyMap<string, BoundedUpstream>;
  readonly metrics: GatewayMetrics;
  readonly inFlight: InFlight;
  readonly recorder: ScreeningRecorder;
  /** Null where the policy looks at no answers. */
  readonly output: OutputScreening | null;
  /** Makes the canaries of keys; random, of this process. */
  readonly secret: Uint8Array;
  readonly log: Log;
}

/** The caller closed its connection: nobody waits for the answer. */
export class ClientGoneError extends Error {
  constructor() {
    super("the client left");
    this.name = "ClientGoneError";
  }
}

/** Who asks. */
export interface Caller {
  readonly requestId: string;
  /** Of the API key; null where it is not known. */
  readonly keyId: string | null;
  /** Aborted with `ClientGoneError` when the caller leaves. */
  readonly signal: AbortSignal;
}

/** One request on its way. */
export interface Exchange {
  readonly gateway: Gateway;
  readonly request: ModelRequest;
  readonly caller: Caller;
  readonly reply: FastifyReply;
}
