import { ApiError, type Sandbox, type SandboxEnd, type SandboxRequest } from "@crucible/contract";
import type { HostedSession } from "../executor/types.ts";
import type { Log } from "../log.ts";
import type { SandboxChange } from "../store/sandbox-records.ts";

/** A sandbox that this process has open. */
export interface LiveSandbox {
  readonly id: string;
  /** As the API tells of it, at this moment. */
  describe(): Sandbox;
  /** What the database is to know of it, at this moment. */
  change(): SandboxChange;
  /**
   * Work in it, which is not idle meanwhile.
   * @throws ApiError `sandbox_ended`, and what the work throws.
   */
  use<T>(work: (session: HostedSession) => Promise<T>): Promise<T>;
  /** Resolves when it has gone. */
  close(by: SandboxEnd, why: string): Promise<void>;
  /** Resolves when it has gone, whatever ended it. */
  readonly ended: Promise<void>;
}

export interface LiveOptions {
  readonly id: string;
  readonly createdAt: Date;
  readonly request: SandboxRequest;
  readonly session: HostedSession;
  /** Told of every use. */
  readonly onUsed: () => void;
  readonly log: Log;
}

/** Time limits of a sandbox, and what is to be said of it. Owns its timers. */
export function createLiveSandbox({ id, createdAt, request, session, onUsed, log }: LiveOptions): LiveSandbox {
  // Without the variables: nobody asks for them.
  const { labels, language = null, image = null, idleTimeoutMs, lifetimeMs } = request;
  const endsAt = new Date(createdAt.getTime() + lifetimeMs);
  let lastUsedAt = createdAt;
  let running = 0;
  let closing: { readonly by: SandboxEnd; readonly why: string } | null = null;
  let end: Pick<SandboxChange, "status" | "endedAt" | "endedBy" | "reason"> | null = null;
  let idle: NodeJS.Timeout | undefined;

  const close = async (by: SandboxEnd, why: string): Promise<void> => {
    closing ??= { by, why };
    await session.close().catch((error: unknown) => log.warn({ err: error, sandbox: id }, "closing failed"));
    await ended;
  };
  const restartIdle = (): void => {
    clearTimeout(idle);
    if (running > 0 || end !== null) return;
    idle = setTimeout(
      () => void close("idle", `nothing was asked of it for ${idleTimeoutMs} ms`),
      idleTimeoutMs,
    ).unref();
  };
  const used = (): void => {
    lastUsedAt = new Date();
    onUsed();
  };
  const life = setTimeout(() => void close("lifetime", "its lifetime was over"), lifetimeMs).unref();
  const ended = session.ended.then((reason) => {
    clearTimeout(idle);
    clearTimeout(life);
    const isLost = session.isLost?.() === true;
    const by = isLost ? "executor_died" : (closing?.by ?? "ended_by_itself");
    const why = isLost ? reason : (closing?.why ?? reason);
    end = { status: isLost ? "lost" : "closed", endedAt: new Date(), endedBy: by, reason: why };
    log.info({ sandbox: id, endedBy: by, reason: why }, "a sandbox ended");
  });
  restartIdle();

  const change = (): SandboxChange => ({
    id,
    lastUsedAt,
    ...(end ?? { status: "open", endedAt: null, endedBy: null, reason: null }),
  });
  return {
    id,
    change,
    close,
    ended,
    describe: () => {
      const { status, endedAt, endedBy, reason } = change();
      return {
        id,
        status,
        language,
        image,
        engine: session.engine,
        isolation: session.isolation,
        limits: session.limits,
        labels,
        idleTimeoutMs,
        createdAt: createdAt.toISOString(),
        lastUsedAt: lastUsedAt.toISOString(),
        endsAt: endsAt.toISOString(),
        endedAt: endedAt?.toISOString() ?? null,
        endedBy,
        reason,
        running,
      };
    },
    use: async (work) => {
      const why = end?.reason ?? closing?.why;
      if (why !== undefined) throw new ApiError("sandbox_ended", `sandbox ${id} has ended: ${why}`);
      running += 1;
      clearTimeout(idle);
      used();
      try {
        return await work(session);
      } finally {
        running -= 1;
        used();
        restartIdle();
      }
    },
  };
}
