import { ApiError, SelfcheckReport, type SelfcheckProgress } from "@crucible/contract";
import { forkModule, type ForkedModule } from "@crucible/sandbox";
import type { Log } from "../log.ts";
import type { FromSelfcheck, Selfchecks, SelfcheckSettings, ToSelfcheck } from "./types.ts";

/** Longer than all checks take on seven engines of a slow machine. */
const DEADLINE_MS = 60 * 60_000;
/** What is asked to stop ends the check that it is at, and its engines; then it is killed. */
const STOP_MS = 10_000;

/** What carrying out self-checks needs. */
export interface SelfcheckParts {
  /** The module that carries one out, as a process of its own that speaks `ToSelfcheck` and `FromSelfcheck`. */
  readonly module: string;
  readonly settings: SelfcheckSettings;
  /** Where Node keeps compiled modules between starts. */
  readonly cacheDir: string;
  readonly store: (report: SelfcheckReport) => Promise<void>;
  readonly log: Pick<Log, "info" | "warn" | "error">;
  /** Default 1 h. */
  readonly deadlineMs?: number;
  /** From the word to stop to the signal that nothing survives. Default 10 s. */
  readonly stopMs?: number;
}

const IDLE: SelfcheckProgress = {
  state: "idle",
  startedAt: null,
  endedAt: null,
  done: 0,
  total: null,
  broken: 0,
  reason: null,
};

/** Self-checks in a process of their own, which inherits nothing: bombs and attacks are no load of the server's. */
export function createSelfchecks(parts: SelfcheckParts): Selfchecks {
  const { module, settings, cacheDir, store, log, deadlineMs = DEADLINE_MS, stopMs = STOP_MS } = parts;
  let progress = IDLE;
  let running: { readonly child: ForkedModule; readonly ended: Promise<void> } | null = null;
  let isClosing = false;

  const end = (state: "finished" | "failed", reason: string | null): void => {
    if (progress.state !== "running") return;
    progress = { ...progress, state, reason, endedAt: new Date().toISOString() };
    if (state === "finished") log.info({ done: progress.done, broken: progress.broken }, "the self-check is finished");
    else log.warn({ reason }, "the self-check has no report");
  };

  const take = async (message: FromSelfcheck): Promise<void> => {
    switch (message.kind) {
      case "step": {
        const { total, failed } = message;
        progress = { ...progress, total, done: progress.done + 1, broken: progress.broken + (failed ? 1 : 0) };
        return;
      }
      case "report":
        await store(SelfcheckReport.parse(message.report));
        return end("finished", null);
      case "problem":
        return end("failed", message.reason);
      default:
        message satisfies never;
    }
  };

  const stop = async (reason: string): Promise<void> => {
    if (running === null) return;
    const { child, ended } = running;
    end("failed", reason);
    child.send({ kind: "stop" } satisfies ToSelfcheck);
    const late = setTimeout(() => child.kill(), stopMs);
    await ended;
    clearTimeout(late);
  };

  const selfchecks: Selfchecks = {
    start: async (request) => {
      if (isClosing) throw new ApiError("shutting_down", "the server is stopping");
      if (running !== null) throw new ApiError("selfcheck_running", "a self-check is running: see its progress");
      const child = forkModule(module, {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        NODE_COMPILE_CACHE: cacheDir,
      });
      progress = { ...IDLE, state: "running", startedAt: new Date().toISOString() };
      let last = Promise.resolve();
      child.onMessage((message) => {
        last = last
          .then(() => take(message as FromSelfcheck))
          .catch((error: unknown) => {
            log.error({ err: error }, "a report cannot be stored");
            end("failed", "its report could not be stored");
          });
      });
      const deadline = setTimeout(() => void stop(`it was not done within ${deadlineMs} ms`), deadlineMs);
      deadline.unref();
      const ended = child.ended.then(async (how) => {
        clearTimeout(deadline);
        await last;
        running = null;
        end("failed", `its process ended (${how})`);
      });
      running = { child, ended };
      child.send({ kind: "start", request, settings } satisfies ToSelfcheck);
      log.info({ request }, "a self-check has started");
      return progress;
    },
    progress: () => progress,
    close: async () => {
      isClosing = true;
      await stop("the server was stopped");
    },
    [Symbol.asyncDispose]: () => selfchecks.close(),
  };
  return selfchecks;
}
