import { setTimeout as delay } from "node:timers/promises";
import type { Duplex, Readable } from "node:stream";
import type { ContainerCreateOptions } from "dockerode";
import type { ContainerState, DockerApi } from "./api.ts";
import { CALL_TIMEOUT_MS } from "./prepare.ts";
import type { Ready } from "./prepare.ts";
import { splitFrames } from "./streams.ts";
import { faultWords } from "./words.ts";

/** A container that was made, is attached to, and is not started yet. */
export interface AttachedContainer {
  readonly id: string;
  /** Its input; what comes out of it is in `stdout` and `stderr`. */
  readonly stream: Duplex;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** What the daemon refused, or how it went away; null while all is well. */
  fault(): string | null;
  blame(error: unknown): void;
  /** Orders its end. */
  kill(): void;
  /** Resolves when it has ended, after its start; with null when the daemon has gone away meanwhile. */
  stopped(): Promise<ContainerState | null>;
  /** Removes it, whatever it does. Rejects when the daemon does not: then it may still run. */
  close(): Promise<void>;
}

export interface StartFailure {
  readonly failure: string;
}

const STOP_LOOKS = 40;
const STOP_LOOK_MS = 50;

/** How it stands once it has ended; the stream may close a moment before. */
async function stoppedState(api: DockerApi, id: string): Promise<ContainerState> {
  for (let look = 1; ; look += 1) {
    const state = await api.state(id, AbortSignal.timeout(CALL_TIMEOUT_MS));
    if (!state.isRunning || look === STOP_LOOKS) return state;
    await delay(STOP_LOOK_MS);
  }
}

/** @throws the daemon's refusal to make the container; nothing is left then. */
export async function attachContainer(
  { api, leftovers }: Pick<Ready, "api" | "leftovers">,
  options: ContainerCreateOptions,
  signal: AbortSignal,
): Promise<AttachedContainer | StartFailure> {
  const soon = (): AbortSignal => AbortSignal.timeout(CALL_TIMEOUT_MS);
  let fault: string | null = null;
  const blame = (error: unknown): void => {
    fault ??= faultWords(error);
  };
  // Not cancelled by the caller: an answer that nobody waits for would be a container that nobody knows.
  const id = await api.create(options, soon());
  const close = async (): Promise<void> => {
    try {
      await api.remove(id, soon());
    } catch (error) {
      leftovers.add(id);
      throw error;
    }
  };
  let stream: Duplex;
  try {
    signal.throwIfAborted();
    stream = await api.attach(id, signal);
  } catch (error) {
    await close();
    return { failure: faultWords(error) };
  }
  stream.on("error", blame);
  const lost = new Promise<void>((resolve) => {
    stream.once("close", () => resolve());
  });
  return {
    id,
    stream,
    ...splitFrames(stream),
    fault: () => fault,
    blame,
    kill: () => {
      // Should the daemon not answer, `stopped` comes with the connection, and `close` says that it did not go.
      api.kill(id, soon()).catch((error: unknown) => {
        blame(error);
        stream.destroy();
      });
    },
    stopped: async () => {
      try {
        await Promise.race([api.wait(id), lost]);
        const state = await stoppedState(api, id);
        if (state.error !== "") blame({ message: state.error });
        if (state.isRunning) throw new Error("the connection to the container was lost");
        return state;
      } catch (error) {
        blame(error);
        stream.destroy();
        return null;
      }
    },
    close: async () => {
      stream.destroy();
      await close();
    },
  };
}
