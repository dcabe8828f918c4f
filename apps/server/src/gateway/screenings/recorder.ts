import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../../log.ts";
import { isDatabaseLost } from "../../store/errors.ts";
import { createIdSource, timeOf } from "../../store/ids.ts";
import type { ScreeningRow } from "../../store/screening-writer.ts";
import { createLossLog } from "./loss-log.ts";
import type { RecorderMetrics } from "./metrics.ts";
import { type HashText, rowOf, sizeOf } from "./row.ts";
import type { ScreeningRecorder } from "./types.ts";

/** Bounds of a recorder. */
export interface RecorderSettings {
  /** Rows that may wait, those being written among them. */
  readonly maxRows: number;
  /** And their size, UTF-16 code units. */
  readonly maxSize: number;
  /** Rows of one statement. */
  readonly batch: number;
  /** How long a batch that is not full waits for more, milliseconds. */
  readonly gatherMs: number;
  /** How long a request waits for room, milliseconds. */
  readonly roomMs: number;
  /** Between attempts while the database is away, milliseconds. */
  readonly retryMs: number;
  /** How long `close` goes on writing, milliseconds. */
  readonly closeMs: number;
}

/** Seconds of a busy gateway: some 4 MB, 16 MB where texts are kept. */
export const DEFAULT_RECORDER = {
  maxRows: 4_096,
  maxSize: 8 * 1024 * 1024,
  batch: 256,
  gatherMs: 100,
  roomMs: 1_000,
  retryMs: 250,
  closeMs: 5_000,
} as const satisfies RecorderSettings;

/** What a recorder needs. */
export interface RecorderParts {
  /** Stores rows, all or none. */
  readonly insert: (rows: readonly ScreeningRow[]) => Promise<void>;
  readonly hash: HashText;
  /** Whether the policy lets the text be kept. */
  readonly storeText: boolean;
  readonly metrics: RecorderMetrics;
  readonly log: Log;
  readonly settings?: RecorderSettings;
}

/** A request that waits for room. */
interface Waiter {
  readonly row: ScreeningRow;
  readonly settle: (taken: boolean) => void;
}

/**
 * Writes screenings in batches behind the requests. Nothing is lost while the database answers; while it is away the
 * buffer fills, then requests wait for room, and what finds none in time is counted and logged as lost.
 */
export function createRecorder(parts: RecorderParts): ScreeningRecorder {
  const { insert, hash, storeText, metrics, log, settings = DEFAULT_RECORDER } = parts;
  const next = createIdSource("scr");
  const lose = createLossLog(metrics, log);
  /** Aborted by `close`: gather no longer. */
  const hurry = new AbortController();
  /** Aborted when `close` has waited long enough. */
  const giveUp = new AbortController();
  const waiters: Waiter[] = [];
  let rows: ScreeningRow[] = [];
  let size = 0;
  let writing: Promise<void> | null = null;

  const put = (row: ScreeningRow): void => {
    rows.push(row);
    size += sizeOf(row);
    metrics.buffered(rows.length);
    writing ??= writeAll().finally(() => (writing = null));
  };

  const hasRoom = (): boolean => rows.length < settings.maxRows && size < settings.maxSize;

  const writeAll = async (): Promise<void> => {
    while (rows.length > 0 && !giveUp.signal.aborted) {
      // A statement costs the embedded database what ten rows do: one that is not full waits for more.
      if (rows.length < settings.batch) await pause(settings.gatherMs, hurry.signal);
      const batch = rows.slice(0, settings.batch);
      if (!(await store(batch))) return;
      rows = rows.slice(batch.length);
      for (const row of batch) size -= sizeOf(row);
      metrics.buffered(rows.length);
      for (let waiter = waiters[0]; waiter !== undefined && hasRoom(); waiter = waiters[0]) waiter.settle(true);
    }
  };

  /** Tries until it is stored or refused; false when there is no more time. */
  const store = async (batch: readonly ScreeningRow[]): Promise<boolean> => {
    while (!giveUp.signal.aborted) {
      try {
        await insert(batch);
        metrics.stored(batch.length);
        return true;
      } catch (error) {
        if (!isDatabaseLost(error)) return await storeEach(batch, error);
        log.warn({ err: error, waiting: rows.length }, "screenings wait for the database");
        await pause(settings.retryMs, giveUp.signal);
      }
    }
    return false;
  };

  /** One row that the database refuses must not take the others with it. */
  const storeEach = async (batch: readonly ScreeningRow[], cause: unknown): Promise<boolean> => {
    if (batch.length > 1) {
      for (const row of batch) if (!(await store([row]))) return false;
      return true;
    }
    log.error({ err: cause, screeningId: batch[0]?.id }, "the database refused a screening");
    lose("refused", 1);
    return true;
  };

  const waitForRoom = (row: ScreeningRow): Promise<boolean> => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiter: Waiter = {
      row,
      settle: (taken) => {
        clearTimeout(timer);
        waiters.splice(waiters.indexOf(waiter), 1);
        if (taken) put(row);
        resolve(taken);
      },
    };
    const timer = setTimeout(() => {
      lose("buffer_full", 1);
      waiter.settle(false);
    }, settings.roomMs);
    waiters.push(waiter);
    return promise;
  };

  return {
    nextId: () => next().id,
    record: async (screening) => {
      if (hurry.signal.aborted) {
        lose("closed", 1);
        return false;
      }
      const row = rowOf(screening, timeOf(screening.id), hash, storeText);
      if (waiters.length > 0 || !hasRoom()) return await waitForRoom(row);
      put(row);
      return true;
    },
    close: async () => {
      hurry.abort();
      const timer = setTimeout(() => giveUp.abort(), settings.closeMs);
      const late = Promise.withResolvers<void>();
      giveUp.signal.addEventListener("abort", () => late.resolve(), { once: true });
      while (writing !== null && !giveUp.signal.aborted) await Promise.race([writing, late.promise]);
      clearTimeout(timer);
      giveUp.abort();
      const left = rows.length + waiters.length;
      for (const waiter of [...waiters]) waiter.settle(false);
      rows = [];
      if (left > 0) lose("shutdown", left);
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
