import { SessionError } from "@crucible/sandbox";
import type { OutputStream, Terminal } from "@crucible/sandbox";
import type { Log } from "../../log.ts";
import { createOutputGather } from "../gather-output.ts";
import { toApiError } from "../session-errors.ts";
import type { Executor, HostedSession } from "../types.ts";
import type { FromExecutor, SessionOperation, ToExecutor } from "./protocol.ts";

/** The executor process's side of sandboxes that stay: keeps them by number, and answers calls on them. */
export interface SessionDesk {
  open(message: Extract<ToExecutor, { kind: "open_session" }>): Promise<void>;
  operate(message: Extract<ToExecutor, { kind: "session" }>): Promise<void>;
  cancel(call: number): void;
}

export function createSessionDesk(
  executor: () => Executor,
  say: (message: FromExecutor) => void,
  log: Pick<Log, "error">,
): SessionDesk {
  const sessions = new Map<number, HostedSession>();
  const running = new Map<number, AbortController>();
  const terminals = new Map<number, Terminal>();

  /** Output goes out in one piece for all that came at once. */
  const passOn = (call: number) => {
    const gather = createOutputGather();
    let soon: NodeJS.Immediate | undefined;
    const flush = (): void => {
      clearImmediate(soon);
      soon = undefined;
      for (const { stream, bytes } of gather.take()) say({ kind: "session_output", call, stream, bytes });
    };
    const add = (stream: OutputStream, bytes: Uint8Array): void => {
      gather.add(stream, bytes);
      soon ??= setImmediate(flush);
    };
    return { add, flush };
  };
  /** The end of a terminal is the answer to the call that opened it. */
  const runTerminal = async (
    call: number,
    session: HostedSession,
    { spec, size }: Extract<SessionOperation, { name: "terminal" }>,
  ): Promise<Awaited<Terminal["ended"]>> => {
    const { add, flush } = passOn(call);
    const abort = new AbortController();
    running.set(call, abort);
    try {
      const terminal = await session.openTerminal(spec, size, (bytes) => add("stdout", bytes));
      terminals.set(call, terminal);
      abort.signal.addEventListener("abort", () => terminal.kill(), { once: true });
      if (abort.signal.aborted) terminal.kill();
      return await terminal.ended;
    } finally {
      flush();
      running.delete(call);
      terminals.delete(call);
    }
  };

  const carryOut = async (call: number, session: HostedSession, operation: SessionOperation): Promise<unknown> => {
    switch (operation.name) {
      case "exec": {
        const abort = new AbortController();
        running.set(call, abort);
        const { add, flush } = passOn(call);
        try {
          return await session.exec(operation.spec, { signal: abort.signal, onOutput: add });
        } finally {
          flush();
          running.delete(call);
        }
      }
      case "terminal":
        return runTerminal(call, session, operation);
      // One that has ended takes everything, as a closed door takes every word.
      case "terminalInput":
        return terminals.get(operation.terminal)?.write(operation.bytes);
      case "terminalResize":
        return terminals.get(operation.terminal)?.resize(operation.size);
      case "terminalTaken":
        return terminals.get(operation.terminal)?.taken(operation.bytes);
      case "writeFile":
        return session.writeFile(operation.path, operation.content);
      case "readFile":
        return session.readFile(operation.path, operation.maxBytes);
      case "list":
        return session.list(operation.path);
      case "pack":
        return session.pack(operation.path, operation.maxBytes);
      case "unpack":
        return session.unpack(operation.path, operation.archive);
      case "close":
        return session.close();
      default:
        return operation satisfies never;
    }
  };
  const answer = async (call: number, work: () => Promise<unknown>): Promise<void> => {
    try {
      say({ kind: "answer", call, value: await work() });
    } catch (error) {
      const { code, message, field } = toApiError(error);
      if (code === "internal") log.error({ err: error }, "a sandbox failed in a way it must not");
      say({ kind: "refusal", call, error: { code, message, field } });
    }
  };

  return {
    open: ({ call, engine, spec }) =>
      answer(call, async () => {
        const session = await executor().openSession(engine, spec);
        sessions.set(call, session);
        void session.ended.then((reason) => {
          sessions.delete(call);
          say({ kind: "session_ended", session: call, reason });
        });
        return { engine: session.engine, isolation: session.isolation, limits: session.limits };
      }),
    operate: ({ call, session: number, operation }) =>
      answer(call, async () => {
        const session = sessions.get(number);
        // Closing twice is closing.
        if (session === undefined && operation.name === "close") return undefined;
        if (session === undefined) throw new SessionError("session_ended", "the sandbox has ended");
        return carryOut(call, session, operation);
      }),
    cancel: (call) => running.get(call)?.abort(),
  };
}
