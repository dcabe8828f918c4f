import { SessionError } from "./errors.ts";

/** What may wait for a program that does not read its terminal; and be written at once. Bytes. */
export const TERMINAL_INPUT_BYTES = 64 * 1024;

/** Input on its way to a terminal: never more of it than twice `TERMINAL_INPUT_BYTES`, however it is sent. */
export interface TerminalInput {
  /** As of `Terminal`. */
  write(bytes: Uint8Array): Promise<void>;
  /** The terminal took so many bytes, as the agent says: an enemy's word, good for no more than its own input. */
  taken(bytes: number): void;
  /** The terminal has ended: nothing waits any more. */
  over(): void;
}

export function createTerminalInput(send: (bytes: Uint8Array) => void): TerminalInput {
  let waiting = 0;
  let isOver = false;
  let room: PromiseWithResolvers<void> | null = null;
  const give = (): void => {
    room?.resolve();
    room = null;
  };
  return {
    write: async (bytes) => {
      if (isOver || bytes.length === 0) return;
      if (bytes.length > TERMINAL_INPUT_BYTES)
        throw new SessionError("input_full", `a terminal takes at most ${TERMINAL_INPUT_BYTES} bytes at once`);
      if (waiting >= TERMINAL_INPUT_BYTES)
        throw new SessionError("input_full", "the program does not read its terminal, and much waits for it already");
      waiting += bytes.length;
      send(bytes);
      if (waiting < TERMINAL_INPUT_BYTES) return;
      room ??= Promise.withResolvers<void>();
      await room.promise;
    },
    taken: (bytes) => {
      waiting = Math.max(0, waiting - bytes);
      if (waiting < TERMINAL_INPUT_BYTES) give();
    },
    over: () => {
      isOver = true;
      give();
    },
  };
}

/** Output of a terminal that nobody has dealt with: above it the program waits. Bytes. */
export const TERMINAL_OUTPUT_BYTES = 512 * 1024;
/** What an agent may have on the way when it is told to wait: 1 MiB in its queue, and what sockets hold. */
const MOST_ON_THE_WAY = 8 * 1024 * 1024;

/** Output of a terminal on its way to whoever reads it. */
export interface TerminalOutput {
  /** False for what comes after too much. */
  add(bytes: number): boolean;
  /** As of `Terminal`. */
  taken(bytes: number): void;
}

/** @param on `hold` lets the program wait or go on; `onFlood` is told once that it does not wait. */
export function createTerminalOutput(on: { hold(isHeld: boolean): void; onFlood(): void }): TerminalOutput {
  let waiting = 0;
  let isHeld = false;
  let isFlood = false;
  return {
    add: (bytes) => {
      if (isFlood) return false;
      waiting += bytes;
      if (waiting > TERMINAL_OUTPUT_BYTES + MOST_ON_THE_WAY) {
        isFlood = true;
        on.onFlood();
        return false;
      }
      if (waiting > TERMINAL_OUTPUT_BYTES && !isHeld) {
        isHeld = true;
        on.hold(true);
      }
      return true;
    },
    taken: (bytes) => {
      waiting = Math.max(0, waiting - bytes);
      if (waiting > TERMINAL_OUTPUT_BYTES / 2 || !isHeld) return;
      isHeld = false;
      on.hold(false);
    },
  };
}
