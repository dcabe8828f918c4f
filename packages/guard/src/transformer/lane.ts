import { Worker } from "node:worker_threads";
import { awaitOutside, closeGate, createGate } from "./gate.ts";
import { firstLine } from "./errors.ts";
import { MAX_LOAD_MS } from "./limits.ts";
import type { WorkerMessage, WorkerStart, WorkRequest, WorkResult } from "./protocol.ts";

/** One thread with one session; works on one request at a time. */
export interface Lane {
  /** Null when it can work, or why not; also when it was not loaded in time. Never rejects. */
  readonly ready: Promise<Unusable | null>;
  /** Scores texts. Rejects when the thread ends before it answers. */
  run(items: WorkRequest["items"]): Promise<readonly WorkResult[]>;
  /** Why the thread ended; resolves when it has. */
  readonly ended: Promise<string>;
  /** Its request ends now, whatever it does; what it may still answer is not heard. */
  abandon(reason: string): void;
  /** Ends it: at once, or, and then it gives false, as soon as it is out of ONNX Runtime; see `gate.ts`. */
  stop(): boolean;
  /** Blocks until the thread may be ended with the process. For the exit of a process alone. */
  stopSync(timeoutMs: number): void;
}

/** A model that the worker could not load. */
export interface Unusable {
  readonly file: string;
  readonly reason: string;
}

/** Ends threads that eat memory, not the process: the largest known tokenizer needs some 200 MB. */
const HEAP_MB = 1_024;

/** Starts a thread. `url` is that of `worker.ts`, or of a test's stand-in for it. */
export function startLane(url: URL, start: Omit<WorkerStart, "gate">, loadMs = MAX_LOAD_MS): Lane {
  const gate = createGate();
  const worker = new Worker(url, {
    workerData: { ...start, gate } satisfies WorkerStart,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    // Nothing of the caller's environment and flags is needed in there.
    env: {},
    execArgv: [],
  });
  const ready = Promise.withResolvers<Unusable | null>();
  const ended = Promise.withResolvers<string>();
  let id = 0;
  let waiting: PromiseWithResolvers<readonly WorkResult[]> | null = null;
  let reason = "it ended";
  // A tokenizer's expression, or a model, can be made so that loading has no end.
  const late = setTimeout(
    () => ready.resolve({ file: start.onnxFile, reason: `it was not loaded within ${loadMs} ms` }),
    loadMs,
  );
  void ready.promise.then(() => clearTimeout(late));

  worker.on("message", (message: WorkerMessage) => {
    if (message.type === "done") {
      if (message.id !== id) return;
      waiting?.resolve(message.results);
      waiting = null;
      // An idle thread keeps no process alive.
      worker.unref();
      return;
    }
    worker.unref();
    if (message.type === "unusable") reason = `${message.file}: ${message.reason}`;
    ready.resolve(message.type === "ready" ? null : message);
  });
  worker.on("error", (error) => (reason = `it crashed: ${firstLine(error)}`));
  const abandon = (why: string): void => {
    id++;
    waiting?.reject(new Error(why));
    waiting = null;
    worker.unref();
  };
  worker.on("exit", () => {
    ready.resolve({ file: start.onnxFile, reason });
    abandon(reason);
    ended.resolve(reason);
  });
  return {
    ready: ready.promise,
    run: async (items) => {
      waiting = Promise.withResolvers();
      worker.ref();
      worker.postMessage({ id: ++id, items } satisfies WorkRequest);
      return await waiting.promise;
    },
    ended: ended.promise,
    abandon,
    stop: () => {
      const isOutside = closeGate(gate);
      if (isOutside) void worker.terminate();
      return isOutside;
    },
    stopSync: (timeoutMs) => void awaitOutside(gate, timeoutMs),
  };
}
