import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import type {
  EngineInfo,
  Language,
  Limits,
  SelfcheckReport,
  ScreeningReply,
  ScreeningRequest,
} from "@crucible/contract";
import type { EventBus } from "../events/types.ts";
import type { ScreeningReader } from "../store/screening-reader.ts";
import type { KeyReader, RunReader } from "../store/types.ts";
import type { Selfchecks } from "../selfcheck/types.ts";
import type { Sandboxes } from "../sandboxes/types.ts";
import type { Submit } from "../submit/types.ts";
import type { ServerMetrics } from "./metrics.ts";

/** What this host offers, as the executor tells it. HTTP sees the shape only, never the executor. */
export interface OfferedCatalog {
  readonly languages: readonly Language[];
  readonly engines: readonly EngineInfo[];
  readonly maxLimits: Limits;
}

/** What an operator can choose about the HTTP side. */
export interface HttpSettings {
  readonly version: string;
  /** Largest request body, bytes; a larger one gets 413. */
  readonly bodyLimitBytes: number;
  /** How long `?wait=true` waits before it answers with the run as it is, milliseconds. */
  readonly waitTimeoutMs: number;
  /** How long a Piston request, which has no other way to its result, waits; milliseconds. */
  readonly executeTimeoutMs: number;
  /** Silence on an event stream before a heartbeat, milliseconds: below the idle timeout of common proxies. */
  readonly heartbeatMs: number;
  /** Unsent bytes at which a slow event listener is dropped. It can resume with Last-Event-ID. */
  readonly eventBufferBytes: number;
  /** How long each readiness check may take, milliseconds. */
  readonly readinessTimeoutMs: number;
  /** How long a verified key is believed without asking the database: a revoked key works no longer than this. Milliseconds. */
  readonly keyCacheMs: number;
  /** Life of a login session, milliseconds. */
  readonly sessionMs: number;
  /**
   * Names that the Host header may carry, besides `localhost` and IP addresses; null takes any (for public binds,
   * where the name is the operator's affair). An empty list is right for a loopback bind.
   */
  readonly allowedHosts: readonly string[] | null;
}

/** Defaults of everything in `HttpSettings` but the version. */
export const DEFAULT_HTTP_SETTINGS = {
  bodyLimitBytes: 16 * 1024 * 1024,
  waitTimeoutMs: 60_000,
  executeTimeoutMs: 900_000,
  heartbeatMs: 15_000,
  eventBufferBytes: 4 * 1024 * 1024,
  readinessTimeoutMs: 2_000,
  keyCacheMs: 3_000,
  sessionMs: 12 * 3_600_000,
  allowedHosts: [],
} as const satisfies Omit<HttpSettings, "version">;

/** Who wants a text screened. */
export interface ScreeningCaller {
  readonly requestId: string;
  /** Of the API key; null where it is not known. */
  readonly keyId: string | null;
  /** Aborted when the caller leaves. */
  readonly signal: AbortSignal;
}

/** Everything the HTTP side needs; it opens no port and owns none of these. */
export interface HttpDeps {
  readonly submit: Submit;
  readonly reader: RunReader;
  readonly keys: KeyReader;
  readonly bus: EventBus;
  /** Called per request: cached by whoever gives it. */
  readonly catalog: () => Promise<OfferedCatalog>;
  /** The latest report on this host's isolation; null while there is none. */
  readonly selfcheck: () => Promise<SelfcheckReport | null>;
  /** Makes new reports; null where this process has no engines, or was started without the module for it. */
  readonly selfchecks: Pick<Selfchecks, "start" | "progress"> | null;
  readonly screenings: ScreeningReader;
  /** Screens without a model, and puts it on record; null without the gateway role. */
  readonly screen: ((request: ScreeningRequest, caller: ScreeningCaller) => Promise<ScreeningReply>) | null;
  /** Sandboxes that stay; without the worker role they are told of, and not used. */
  readonly sandboxes: Sandboxes;
  /** Resolves when jobs can be enqueued and fetched, else rejects. */
  readonly queueReady: () => Promise<void>;
  readonly metrics: ServerMetrics;
  readonly log: FastifyBaseLogger;
  readonly settings: HttpSettings;
  /** False where the process has no `api` role: then only operations, login and `extensions` are served. Default true. */
  readonly api?: boolean;
  /** Routes of other roles, registered behind the same key, headers, errors and metrics. */
  readonly extensions?: readonly ((app: FastifyInstance) => void)[];
}
