import type { Log } from "../log.ts";
import type { NumberedEvent } from "../store/types.ts";
import type { LocalBus } from "./bus.ts";

export interface RemoteEventsDeps {
  /** Hears announcements of other processes (PostgreSQL's NOTIFY). */
  readonly listen: (onNotification: (payload: string) => void, onReconnect: () => void) => Promise<() => Promise<void>>;
  readonly readEvents: (seqs: readonly number[]) => Promise<readonly NumberedEvent[]>;
  readonly bus: LocalBus;
  /** This process's own name in announcements. */
  readonly origin: string;
  /** Another process queued or requeued runs. */
  readonly onQueued: () => void;
  readonly log: Log;
}

/**
 * Brings the stored events of other processes to this one's bus. An announcement is
 * `origin seq type runId`, sent with the transaction that stores the event, which is then read from the
 * table: PostgreSQL's limit of 8000 bytes a notification never matters. Output does not travel: a live page
 * of another process shows it when the run has finished.
 */
export async function followRemoteEvents(deps: RemoteEventsDeps): Promise<() => Promise<void>> {
  const { listen, readEvents, bus, origin, onQueued, log } = deps;
  let wanted: number[] = [];
  let reading = false;

  const read = async (): Promise<void> => {
    reading = true;
    while (wanted.length > 0) {
      const seqs = wanted;
      wanted = [];
      try {
        for (const message of await readEvents(seqs)) bus.publish(message);
      } catch (error) {
        log.warn({ err: error, count: seqs.length }, "events of other processes were missed; the table has them");
      }
    }
    reading = false;
  };

  return listen((payload) => {
    const [from, seq, type, runId] = payload.split(" ");
    if (from === origin || seq === undefined || runId === undefined) return;
    if (type === "run.queued" || type === "run.requeued") onQueued();
    if (!bus.hasListeners(runId)) return;
    wanted.push(Number(seq));
    if (!reading) void read();
  }, onQueued);
}
