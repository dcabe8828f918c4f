import type { RunEvent } from "@crucible/contract";
import type { Log } from "../log.ts";
import type { BusMessage, EventBus } from "./types.ts";

/** Output of running runs that is kept for listeners who come late, bytes of Base64 text. */
export interface ReplayLimits {
  readonly perRun: number;
  readonly total: number;
}
const DEFAULT_REPLAY = { perRun: 256 * 1024, total: 32 * 1024 * 1024 } as const satisfies ReplayLimits;

/** The bus of one process, and whether anybody listens to a run. */
export interface LocalBus extends EventBus {
  hasListeners(runId: string): boolean;
}

/**
 * Calls listeners at once, in order; it keeps nothing for them, so a slow one cannot make it grow.
 * Only output is kept, within `replay`, from a run's start to its end: who subscribes to a running run gets
 * the output so far first. Where it was too much the oldest is gone; the outcome has it all.
 */
export function createBus({ log, replay = DEFAULT_REPLAY }: { log: Log; replay?: ReplayLimits }): LocalBus {
  type Listener = (message: BusMessage) => void;
  const listeners = new Map<string, Set<Listener>>();
  const kept = new Map<string, { messages: BusMessage[]; size: number }>();
  let total = 0;

  const tell = (runId: string, message: BusMessage): void => {
    for (const listener of listeners.get(runId) ?? []) {
      try {
        listener(message);
      } catch (error) {
        log.error({ err: error, runId }, "a listener of run events failed");
      }
    }
  };

  const forget = (runId: string): void => {
    total -= kept.get(runId)?.size ?? 0;
    kept.delete(runId);
  };

  const keep = (message: BusMessage, event: RunEvent & { type: "run.output" }): void => {
    let buffer = kept.get(event.runId);
    if (buffer === undefined) kept.set(event.runId, (buffer = { messages: [], size: 0 }));
    buffer.messages.push(message);
    buffer.size += event.data.length;
    total += event.data.length;
    while (buffer.size > replay.perRun || total > replay.total) {
      const oldest = buffer.messages.shift();
      if (oldest === undefined) break;
      const size = oldest.event.type === "run.output" ? oldest.event.data.length : 0;
      buffer.size -= size;
      total -= size;
    }
  };

  return {
    publish: (message) => {
      const { event } = message;
      if (event.type === "run.output") keep(message, event);
      else if (event.type !== "run.cancel_requested") forget(event.runId);
      tell(event.runId, message);
      tell("*", message);
    },
    subscribe: (runId, listener) => {
      let set = listeners.get(runId);
      if (set === undefined) listeners.set(runId, (set = new Set()));
      set.add(listener);
      for (const message of kept.get(runId)?.messages ?? []) listener(message);
      return () => {
        set.delete(listener);
        if (set.size === 0 && listeners.get(runId) === set) listeners.delete(runId);
      };
    },
    hasListeners: (runId) => listeners.has(runId) || listeners.has("*"),
  };
}
