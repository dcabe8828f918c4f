import { setTimeout as sleep } from "node:timers/promises";
import type { Breaker, Permit } from "@crucible/guard";
import { backoffMs, isWorthRetrying, retryAfterMs } from "./retry.ts";
import { type FailureKind, type Transport, type UpstreamCall, UpstreamError, type UpstreamReply } from "./types.ts";

/** How calls to an upstream are tried. */
export interface CallSettings {
  readonly name: string;
  readonly retries: number;
  readonly maxRetryAfterMs: number;
}

/** What an upstream needs. */
export interface UpstreamParts {
  readonly settings: CallSettings;
  readonly transport: Transport;
  readonly breaker: Breaker;
  readonly observe: UpstreamObserver;
  /** 0 up to, not including, 1; default `Math.random`. */
  readonly random?: () => number;
}

/** Who counts calls. */
export interface UpstreamObserver {
  /** A failed attempt. */
  failed(upstream: string, kind: FailureKind): void;
  /** One more attempt follows. */
  retried(upstream: string): void;
}

/** An answer, and how to say what became of it. */
export interface OpenReply extends UpstreamReply {
  /** How the body went: null for whole. Counts for the breaker, once. */
  settle(failure: FailureKind | null): void;
  /** The caller left: it says nothing about the upstream. */
  forget(): void;
}

/** A server of models, with its retries and its breaker. */
export interface Upstream {
  readonly name: string;
  /**
   * Calls until there is an answer, as often as is safe: nothing of an answer has gone to the client yet. Rejects with
   * `UpstreamError`, or with the signal's reason. An answer with an error status is an answer.
   */
  call(call: UpstreamCall): Promise<OpenReply>;
  breaker: Breaker;
  close(): void;
}

/** Failures after which nobody has seen the request, or the server is free to be asked again. */
const SAFE: ReadonlySet<FailureKind> = new Set(["unreachable", "connect_timeout", "reset"]);

/** Builds an upstream. */
export function createUpstream({
  settings,
  transport,
  breaker,
  observe,
  random = Math.random,
}: UpstreamParts): Upstream {
  const { name, retries, maxRetryAfterMs } = settings;

  const enter = (): Permit => {
    const permit = breaker.enter();
    if (permit !== null) return permit;
    throw new UpstreamError("circuit_open", `calls to ${name} rest after several failures`, {
      retryAfterMs: breaker.waitMs(),
    });
  };

  const attempt = async (call: UpstreamCall, permit: Permit): Promise<UpstreamReply> => {
    try {
      return await transport.send(call);
    } catch (error) {
      const kind = error instanceof UpstreamError ? error.kind : null;
      if (kind === null) permit.forgotten();
      else {
        permit.failed();
        observe.failed(name, kind);
      }
      throw error;
    }
  };

  const call = async (request: UpstreamCall): Promise<OpenReply> => {
    for (let tried = 0; ; tried++) {
      const permit = enter();
      let waitMs: number | null;
      try {
        const reply = await attempt(request, permit);
        if (!isWorthRetrying(reply.status)) return openReply(reply, permit, name, observe);
        observe.failed(name, "status");
        // Too many requests are no fault of the server.
        if (reply.status === 429) permit.succeeded();
        else permit.failed();
        waitMs = retryAfterMs(reply.headers, Date.now());
        const isPatient = waitMs === null || waitMs <= maxRetryAfterMs;
        if (tried >= retries || !isPatient || reply.headers["x-should-retry"] === "false") {
          return openReply(reply, permit, name, observe);
        }
        discard(reply);
      } catch (error) {
        if (tried >= retries || !(error instanceof UpstreamError) || !SAFE.has(error.kind)) throw error;
        waitMs = null;
      }
      await pause(backoffMs(tried, random(), waitMs), request.signal);
      observe.retried(name);
    }
  };
  return { name, call, breaker, close: () => transport.close() };
}

/** Rejects with the signal's own reason, not with the timer's. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
  signal.throwIfAborted();
}

function openReply(reply: UpstreamReply, permit: Permit, name: string, observe: UpstreamObserver): OpenReply {
  return {
    status: reply.status,
    headers: reply.headers,
    body: reply.body,
    settle: (failure) => {
      if (failure === null) permit.succeeded();
      else {
        permit.failed();
        observe.failed(name, failure);
      }
    },
    forget: () => permit.forgotten(),
  };
}

const DISCARDED_BYTES = 65_536;

/** Reads a body to its end, so that the connection can be used again; a long one is broken off. */
function discard({ body }: UpstreamReply): void {
  let bytes = 0;
  body.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DISCARDED_BYTES) body.destroy();
  });
  body.on("error", () => {});
}
