import { ApiError, type TerminalRequest, type TerminalSize } from "@crucible/contract";
import type { HostedSession } from "../executor/types.ts";
import type { TimedId } from "../store/ids.ts";
import type { OpenTerminal, TerminalOptions } from "./types.ts";

/** Of one sandbox: each is a connection, and a pseudo-terminal of the kernel's, which has few. */
const MOST_TERMINALS = 8;

/** A terminal of the session that a sandbox is. */
type Terminal = Awaited<ReturnType<HostedSession["openTerminal"]>>;

/** The terminals of one sandbox, by id. */
export interface Terminals {
  /** Ends with `signal`, and when nothing was typed or printed for its idle time. @throws ApiError */
  open(session: HostedSession, request: TerminalRequest, options: TerminalOptions): Promise<OpenTerminal>;
  /** Resolves when it takes more. @throws ApiError `not_found`, `input_full` */
  write(id: string, bytes: Uint8Array): Promise<void>;
  /** @throws ApiError `not_found` */
  resize(id: string, size: TerminalSize): void;
}

export function createTerminals(nextId: () => TimedId): Terminals {
  const terminals = new Map<string, { readonly terminal: Terminal; readonly touch: () => void }>();
  let opening = 0;

  const find = (id: string) => {
    const found = terminals.get(id);
    if (found === undefined) throw new ApiError("not_found", `terminal ${id} is not there any more`);
    return found;
  };
  return {
    open: async (session, request, { signal, onOutput }) => {
      if (terminals.size + opening >= MOST_TERMINALS)
        throw new ApiError("too_many_terminals", `the sandbox has ${MOST_TERMINALS} terminals; end one`);
      const { argv, cwd, env, rows, columns, idleTimeoutMs } = request;
      let isIdle = false;
      let kill = (): void => undefined;
      const idle = setTimeout(() => {
        isIdle = true;
        kill();
      }, idleTimeoutMs).unref();
      const touch = (): void => void (isIdle || idle.refresh());
      opening += 1;
      let terminal: Terminal;
      try {
        terminal = await session.openTerminal(
          { argv, env, ...(cwd === undefined ? {} : { cwd }) },
          { rows, columns },
          (bytes) => {
            touch();
            onOutput(bytes);
          },
        );
      } catch (error) {
        clearTimeout(idle);
        throw error;
      } finally {
        opening -= 1;
      }
      const { id } = nextId();
      terminals.set(id, { terminal, touch });
      kill = () => terminal.kill();
      signal.addEventListener("abort", kill, { once: true });
      if (signal.aborted || isIdle) kill();
      const ended = terminal.ended
        .then((end) => (isIdle ? { ...end, status: "timed_out" as const } : end))
        .finally(() => {
          clearTimeout(idle);
          signal.removeEventListener("abort", kill);
          terminals.delete(id);
        });
      ended.catch(() => undefined);
      return { id, taken: (bytes) => terminal.taken(bytes), ended };
    },
    write: async (id, bytes) => {
      const { terminal, touch } = find(id);
      touch();
      await terminal.write(bytes);
    },
    resize: (id, size) => find(id).terminal.resize(size),
  };
}
