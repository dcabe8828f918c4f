import { createLog, type Log } from "../../log.ts";
import { createLocalExecutor } from "../local.ts";
import type { Executor } from "../types.ts";
import { createSessionDesk } from "./session-desk.ts";
import type { FromExecutor, ToExecutor } from "./protocol.ts";

/** The executor as a process of its own: takes jobs on its channel, holds no credential, ends with the server. */
const say = (message: FromExecutor): void => {
  // A server that was killed cannot be told: without the callback that error would end this process before it
  // has ended what runs.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
};

const calls = new Map<number, AbortController>();
let executor: Executor | undefined;
let log: Log | undefined;
let starting: Promise<void> | undefined;

const configured = (): Executor => {
  if (executor === undefined) throw new Error("a call came before the configuration");
  return executor;
};
const desk = createSessionDesk(configured, say, {
  error: (fields, message) => log?.error(fields, message),
});

async function configure(message: Extract<ToExecutor, { kind: "configure" }>): Promise<void> {
  try {
    log = createLog(message.logLevel);
    executor = await createLocalExecutor(message.settings, log);
    say({ kind: "ready", catalog: await executor.catalog() });
  } catch (error) {
    const { code } = error as { code?: string };
    say({ kind: "not_ready", message: error instanceof Error ? error.message : String(error), code });
  }
}

async function execute({ call, job }: Extract<ToExecutor, { kind: "execute" }>): Promise<void> {
  if (executor === undefined) throw new Error("a job came before the configuration");
  const abort = new AbortController();
  calls.set(call, abort);
  const outcome = await executor.execute(job, {
    signal: abort.signal,
    onOutput: (chunk) => say({ kind: "output", call, chunk }),
  });
  calls.delete(call);
  say({ kind: "outcome", call, outcome });
}

async function close(): Promise<void> {
  for (const abort of calls.values()) abort.abort();
  await starting;
  await executor?.close();
  say({ kind: "closed" });
  process.exit(0);
}

process.on("message", (message: ToExecutor) => {
  switch (message.kind) {
    case "configure":
      starting = configure(message);
      break;
    case "execute":
      void execute(message);
      break;
    case "open_session":
      void desk.open(message);
      break;
    case "session":
      void desk.operate(message);
      break;
    case "cancel":
      calls.get(message.call)?.abort();
      desk.cancel(message.call);
      break;
    case "close":
      void close();
      break;
    default:
      message satisfies never;
  }
});
// A server that is killed says nothing: the channel closes, and what runs here ends with it.
process.on("disconnect", () => void close());
// Ctrl-C in a terminal reaches the whole process group; the server decides what happens to running work.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
