import { ModelFileError } from "../bayes/model-file.ts";
import { join } from "node:path";
import type { PoolStats } from "../guard/types.ts";
import { closed, lost, TransformerError } from "./errors.ts";
import type { Lane } from "./lane.ts";
import { enqueue, isSlow, type Job, takeBatch } from "./queue.ts";
import type { TransformerScore } from "./types.ts";

/** How a pool works. */
export interface PoolSettings {
  /** Threads, each with its own copy of the weights. */
  readonly workers: number;
  /** Texts that may wait. Default 256: more would wait longer than any deadline. */
  readonly queueLimit?: number;
  /** Time for a text whose caller names none. Default 30,000. */
  readonly timeoutMs?: number;
  /** How long after the last deadline of its texts a worker counts as hung. Default 5,000. */
  readonly graceMs?: number;
  /** Told why each time a thread is replaced. */
  readonly onReplaced?: (reason: string) => void;
}

/** Threads that score texts. */
export interface Pool {
  /**
   * Rejects with `TransformerError`; with the signal's reason only while the text waits. One that a thread reads is not
   * taken back: what comes of it says whether the thread is well.
   */
  score(
    text: string,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<TransformerScore>;
  stats(): PoolStats;
  /** Refuses what waits, lets what runs come to its end or deadline, then ends the threads. */
  close(): Promise<void>;
}

interface Worker {
  readonly lane: Lane;
  isReady: boolean;
  /** Resolves when it is idle again; null when it is. */
  work: Promise<void> | null;
}

/** A thread that dies again and again is started anew after 0.25 s, 0.5 s and so on up to this. */
const MAX_RESTART_MS = 30_000;
/** How long an exit of the process waits for a thread that is inside ONNX Runtime. */
const EXIT_WAIT_MS = 10_000;

/** Starts a pool. Rejects with `ModelFileError` when the first thread cannot load the model; nothing is left then. */
export async function createPool(startLane: () => Lane, folder: string, settings: PoolSettings): Promise<Pool> {
  const { workers: size, queueLimit = 256, timeoutMs: usualMs = 30_000, graceMs = 5_000, onReplaced } = settings;
  const workers = new Set<Worker>();
  /** Hung inside ONNX Runtime, where nothing can end them: they go by themselves, or count here for good. */
  const abandoned = new Set<Lane>();
  const queue: Job[] = [];
  let isClosed = false;
  /** Whether the model was ever loaded: a thread that dies before is not replaced. */
  let isUsable = false;
  let refused = 0;
  let replaced = 0;
  let deathsInARow = 0;
  const restarts = new Set<NodeJS.Timeout>();

  /** Nobody comes for a while: who waits is told now. */
  const isLost = (): boolean => workers.size === 0 && (deathsInARow > 2 || abandoned.size > size);

  const start = (): Worker => {
    const worker: Worker = { lane: startLane(), isReady: false, work: null };
    workers.add(worker);
    void worker.lane.ended.then((reason) => {
      abandoned.delete(worker.lane);
      if (workers.delete(worker)) replace(reason);
      // A thread that was given up has ended after all.
      else restart();
    });
    void worker.lane.ready.then((problem) => {
      if (problem !== null) return giveUp(worker, problem.reason);
      worker.isReady = true;
      pump();
    });
    return worker;
  };
  const restart = (): void => {
    if (isClosed || workers.size + restarts.size >= size || abandoned.size > size) return;
    const delayMs = deathsInARow < 2 ? 0 : Math.min(MAX_RESTART_MS, 125 * 2 ** deathsInARow);
    const timer = setTimeout(() => {
      restarts.delete(timer);
      if (!isClosed) start();
    }, delayMs).unref();
    restarts.add(timer);
  };
  const replace = (reason: string): void => {
    if (isClosed || !isUsable) return;
    replaced++;
    deathsInARow++;
    onReplaced?.(reason);
    restart();
    if (isLost()) for (const job of queue.splice(0)) job.reject(lost(reason));
  };

  const pump = (): void => {
    const idle = [...workers].filter(({ isReady, work: current }) => isReady && current === null);
    for (const [i, worker] of idle.entries()) {
      if (queue.length === 0) return;
      const batch = takeBatch(queue, Math.ceil(queue.length / (idle.length - i)));
      worker.work = work(worker, batch);
    }
  };
  const work = async (worker: Worker, batch: readonly Job[]): Promise<void> => {
    const now = performance.now();
    const mostMs = Math.max(...batch.map(({ endsAt }) => endsAt - now));
    const hung = setTimeout(() => giveUp(worker, "it hung"), Math.max(0, mostMs) + graceMs);
    try {
      const items = batch.map(({ text, endsAt }) => ({ text, endsAt: Date.now() + endsAt - now }));
      const results = await worker.lane.run(items);
      deathsInARow = 0;
      batch.forEach((job, i) => {
        const result = results[i];
        if (result === undefined) job.reject(new TransformerError("model_failed", "no result"));
        else if (result.score !== null) job.resolve(result.score);
        else
          job.reject(
            new TransformerError(result.code === "late" && isSlow(job, now) ? "slow" : result.code, result.message),
          );
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // One text may have done it: the next time each is alone, and none gets a third. Nobody waits for what is late.
      const then = performance.now();
      for (const job of batch) {
        if (job.isAlone || isClosed || then >= job.endsAt) job.reject(lost(reason));
        else queue.unshift(Object.assign(job, { isAlone: true }));
      }
    } finally {
      clearTimeout(hung);
      worker.work = null;
      pump();
    }
  };
  const giveUp = (worker: Worker, reason: string): void => {
    if (!workers.delete(worker)) return;
    abandoned.add(worker.lane);
    worker.lane.stop();
    worker.lane.abandon(reason);
    replace(reason);
  };

  const onExit = (): void => {
    for (const lane of [...abandoned, ...[...workers].map((worker) => worker.lane)]) lane.stopSync(EXIT_WAIT_MS);
  };
  process.on("exit", onExit);
  const close = async (): Promise<void> => {
    isClosed = true;
    for (const timer of restarts) clearTimeout(timer);
    for (const job of queue.splice(0)) job.reject(closed());
    const ends = [...workers].map(async (worker) => {
      await worker.work;
      if (!workers.has(worker)) return;
      worker.lane.stop();
      await worker.lane.ended;
    });
    await Promise.all(ends);
    if (abandoned.size === 0) process.off("exit", onExit);
  };

  const { lane } = start();
  const problem = await lane.ready;
  if (problem !== null) {
    await close();
    if (lane.stop()) await lane.ended;
    throw new ModelFileError(join(folder, problem.file), problem.reason);
  }
  isUsable = true;
  for (let i = 1; i < size; i++) start();
  return {
    score: async (text, { timeoutMs = usualMs, signal }) => {
      signal?.throwIfAborted();
      if (isClosed) throw closed();
      if (queue.length >= queueLimit) {
        refused++;
        throw new TransformerError("queue_full", `${queueLimit} texts wait already`);
      }
      if (isLost()) throw lost("no thread is left for now");
      const score = enqueue(queue, text, { timeoutMs, signal });
      pump();
      return await score;
    },
    stats: () => {
      const busy = [...workers].filter(({ work: current }) => current !== null).length;
      return { workers: workers.size, busy, queued: queue.length, queueLimit, refused, replaced };
    },
    close,
  };
}
