import { ApiError } from "@crucible/contract";
import type { ExecOptions, ExecResult, Session, SessionSpec, Terminal } from "@crucible/sandbox";
import type { HostedSession } from "../types.ts";
import type { FromExecutor, SessionOperation, ToExecutor } from "./protocol.ts";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: ApiError): void;
  readonly onOutput: ExecOptions["onOutput"];
}

/** The server's side of sandboxes that stay, which live in the executor's process. */
export interface SessionClient {
  open(send: (message: ToExecutor) => boolean, engine: string, spec: SessionSpec): Promise<HostedSession>;
  take(message: SessionMessage): void;
  /** The process is gone, and with it every sandbox. */
  lost(reason: string): void;
}

type SessionMessage = Extract<FromExecutor, { kind: "session_output" | "session_ended" | "answer" | "refusal" }>;
type Facts = Pick<Session, "engine" | "isolation" | "limits">;

/** @param nextCall numbers that no other call of this process has. */
export function createSessionClient(nextCall: () => number): SessionClient {
  const waiting = new Map<number, Waiting>();
  const ends = new Map<number, (reason: string, withProcess: boolean) => void>();
  const gone = (): ApiError => new ApiError("sandbox_ended", "the sandbox has ended");

  const ask = (
    send: (message: ToExecutor) => boolean,
    message: (call: number) => ToExecutor,
    { signal, onOutput }: ExecOptions = {},
  ): Promise<unknown> => {
    const call = nextCall();
    return new Promise((resolve, reject) => {
      const cancel = (): void => void send({ kind: "cancel", call });
      const finish = (): void => signal?.removeEventListener("abort", cancel);
      waiting.set(call, {
        onOutput,
        resolve: (value) => {
          finish();
          resolve(value);
        },
        reject: (error) => {
          finish();
          reject(error);
        },
      });
      if (!send(message(call))) {
        waiting.delete(call);
        return reject(gone());
      }
      signal?.addEventListener("abort", cancel, { once: true });
      if (signal?.aborted === true) cancel();
    });
  };

  return {
    open: async (send, engine, spec) => {
      let session = 0;
      let isLost = false;
      const { promise: ended, resolve } = Promise.withResolvers<string>();
      const end = (reason: string, withProcess: boolean): void => {
        isLost = withProcess;
        resolve(reason);
      };
      const facts = (await ask(send, (call) => {
        session = call;
        ends.set(call, end);
        return { kind: "open_session", call, engine, spec };
      }).catch((error: unknown) => {
        ends.delete(session);
        throw error;
      })) as Facts;
      const operate = <T>(operation: SessionOperation, options?: ExecOptions): Promise<T> =>
        ask(send, (call) => ({ kind: "session", call, session, operation }), options) as Promise<T>;
      const tell = (operation: SessionOperation): void => void operate(operation).catch(() => undefined);
      const hosted: HostedSession = {
        ...facts,
        exec: (execSpec, options) => operate<ExecResult>({ name: "exec", spec: execSpec }, options),
        openTerminal: async (execSpec, size, onOutput) => {
          const killed = new AbortController();
          let terminal = 0;
          const ended = ask(
            send,
            (call) => {
              terminal = call;
              return { kind: "session", call, session, operation: { name: "terminal", spec: execSpec, size } };
            },
            { signal: killed.signal, onOutput: (_stream, bytes) => onOutput(bytes) },
          ) as Terminal["ended"];
          ended.catch(() => undefined);
          return {
            write: (bytes) => operate({ name: "terminalInput", terminal, bytes }),
            resize: (to) => tell({ name: "terminalResize", terminal, size: to }),
            taken: (bytes) => tell({ name: "terminalTaken", terminal, bytes }),
            kill: () => killed.abort(),
            ended,
          };
        },
        writeFile: (path, content) => operate({ name: "writeFile", path, content }),
        readFile: (path, maxBytes) => operate({ name: "readFile", path, maxBytes }),
        list: (path) => operate({ name: "list", path }),
        pack: (path, maxBytes) => operate({ name: "pack", path, maxBytes }),
        unpack: (path, archive) => operate({ name: "unpack", path, archive }),
        ended,
        isLost: () => isLost,
        close: () => operate<void>({ name: "close" }),
        [Symbol.asyncDispose]: () => hosted.close(),
      };
      return hosted;
    },
    take: (message) => {
      switch (message.kind) {
        case "session_output":
          waiting.get(message.call)?.onOutput?.(message.stream, message.bytes);
          break;
        case "session_ended":
          ends.get(message.session)?.(message.reason, false);
          ends.delete(message.session);
          break;
        case "answer":
          waiting.get(message.call)?.resolve(message.value);
          waiting.delete(message.call);
          break;
        case "refusal": {
          const { code, message: words, field } = message.error;
          waiting.get(message.call)?.reject(new ApiError(code, words, field === undefined ? {} : { field }));
          waiting.delete(message.call);
          break;
        }
        default:
          message satisfies never;
      }
    },
    lost: (reason) => {
      for (const one of waiting.values()) one.reject(gone());
      for (const end of ends.values()) end(reason, true);
      waiting.clear();
      ends.clear();
    },
  };
}
