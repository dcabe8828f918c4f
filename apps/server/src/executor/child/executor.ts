import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ApiError, type Outcome } from "@crucible/contract";
import { forkModule, type ForkedModule } from "@crucible/sandbox";
import { emptyOutcome } from "../../empty-outcome.ts";
import type { Log } from "../../log.ts";
import type { LocalExecutorSettings } from "../local.ts";
import type { Catalog, ExecutionChunk, ExecutionJob, Executor } from "../types.ts";
import { createSessionClient } from "./session-client.ts";
import type { FromExecutor, ToExecutor } from "./protocol.ts";

const MODULE = fileURLToPath(new URL("main.ts", import.meta.url));
/** A process that dies again and again is not started more often than this. */
const RESTART_PAUSE_MS = 500;
/** Longer than any engine takes to end what runs. */
const CLOSE_DEADLINE_MS = 15_000;

interface Call {
  readonly job: ExecutionJob;
  readonly onOutput: (chunk: ExecutionChunk) => void;
  readonly resolve: (outcome: Outcome) => void;
}

/** The executor could not be made ready; `code` is that of the error in its process, such as `selfcheck_failed`. */
class ExecutorNotReadyError extends Error {
  readonly code: string | undefined;
  constructor(message: string, code: string | undefined) {
    super(message);
    this.name = "ExecutorNotReadyError";
    this.code = code;
  }
}

/** One life of the executor's process. */
interface Life {
  readonly module: ForkedModule;
  readonly catalog: Catalog;
}

export interface ChildExecutorOptions {
  readonly settings: LocalExecutorSettings;
  /** Where Node keeps compiled modules between starts; made when it is not there. */
  readonly cacheDir: string;
  readonly logLevel: string;
  readonly log: Log;
}

/**
 * The executor in a process of its own. If that process dies, what ran in it ends as `sandbox_failed` with
 * the reason, and a new one is started.
 * @throws ExecutorNotReadyError when it cannot be made ready the first time.
 */
export async function createChildExecutor(options: ChildExecutorOptions): Promise<Executor> {
  const { log } = options;
  const calls = new Map<number, Call>();
  let lastCall = 0;
  let closing = false;
  let life: Promise<Life>;
  let known: Catalog | undefined;

  const nextCall = (): number => (lastCall += 1);
  const sessions = createSessionClient(nextCall);

  const failed = (job: ExecutionJob, reason: string): Outcome => {
    const isolation = known?.engines.find((info) => info.engine === job.engine)?.isolation ?? "none";
    return emptyOutcome({ status: "sandbox_failed", engine: job.engine, isolation, reason });
  };

  const startProcess = (): ForkedModule =>
    forkModule(MODULE, {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      NODE_COMPILE_CACHE: options.cacheDir,
    });

  const begin = (): Promise<Life> => {
    const module = startProcess();
    const tell = (message: ToExecutor): boolean => module.send(message);
    return new Promise<Life>((resolve, reject) => {
      module.onMessage((raw) => {
        const message = raw as FromExecutor;
        switch (message.kind) {
          case "ready":
            known = message.catalog;
            resolve({ module, catalog: message.catalog });
            break;
          case "not_ready":
            reject(new ExecutorNotReadyError(message.message, message.code));
            module.kill();
            break;
          case "output":
            calls.get(message.call)?.onOutput(message.chunk);
            break;
          case "outcome":
            calls.get(message.call)?.resolve(message.outcome);
            calls.delete(message.call);
            break;
          case "closed":
            break;
          default:
            sessions.take(message);
        }
      });
      void module.ended.then((how) => {
        reject(new Error(`the executor ended before it was ready (${how})`));
        onEnd(how);
      });
      tell({ kind: "configure", settings: options.settings, logLevel: options.logLevel });
    });
  };

  /** Nothing is left waiting for a process that is gone. */
  function onEnd(how: string): void {
    sessions.lost(`the executor's process ended (${how})`);
    for (const [number, call] of calls) {
      calls.delete(number);
      call.resolve(failed(call.job, `the executor's process ended (${how})`));
    }
    if (closing) return;
    log.error({ how }, "the executor's process ended; starting another");
    life = new Promise<void>((resolve) => setTimeout(resolve, RESTART_PAUSE_MS)).then(begin);
    life.catch((error: unknown) => log.error({ err: error }, "the executor could not be started again"));
  }

  if (!existsSync(options.cacheDir)) {
    // Node's type stripper takes 35 MB, and a process that has once used it keeps them: 1.3 ms more for
    // every process it starts. One that finds its modules in the cache never loads the stripper.
    mkdirSync(options.cacheDir, { recursive: true, mode: 0o700 });
    const primer = startProcess();
    primer.send({ kind: "close" } satisfies ToExecutor);
    await primer.ended;
  }
  life = begin();
  const first = await life;

  const executor: Executor = {
    catalog: async () => (await life.catch(() => first)).catalog,
    execute: async (job, { signal, onOutput }) => {
      let module: ForkedModule;
      try {
        ({ module } = await life);
      } catch (error) {
        return failed(job, error instanceof Error ? error.message : String(error));
      }
      const number = nextCall();
      return new Promise<Outcome>((resolve) => {
        const cancel = (): void => void module.send({ kind: "cancel", call: number } satisfies ToExecutor);
        const finish = (outcome: Outcome): void => {
          signal.removeEventListener("abort", cancel);
          resolve(outcome);
        };
        calls.set(number, { job, onOutput, resolve: finish });
        if (!module.send({ kind: "execute", job, call: number } satisfies ToExecutor)) {
          calls.delete(number);
          finish(failed(job, "the executor's process is gone"));
          return;
        }
        signal.addEventListener("abort", cancel, { once: true });
        if (signal.aborted) cancel();
      });
    },
    openSession: async (engine, spec) => {
      const { module } = await life.catch((error: unknown) => {
        throw new ApiError("engine_unavailable", error instanceof Error ? error.message : String(error));
      });
      return sessions.open((message) => module.send(message), engine, spec);
    },
    close: async () => {
      if (closing) return;
      closing = true;
      const { module } = await life.catch(() => first);
      module.send({ kind: "close" } satisfies ToExecutor);
      const deadline = setTimeout(() => module.kill(), CLOSE_DEADLINE_MS);
      await module.ended;
      clearTimeout(deadline);
    },
    [Symbol.asyncDispose]: () => executor.close(),
  };
  return executor;
}
