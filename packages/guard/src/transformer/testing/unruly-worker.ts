import { parentPort, workerData } from "node:worker_threads";
import { throughGate } from "../gate.ts";
import type { WorkerMessage, WorkerStart, WorkRequest, WorkResult } from "../protocol.ts";

/** What a test gives in place of the settings of a model: a word that is 0 until hanging threads may go on. */
export interface UnrulySettings {
  readonly release: SharedArrayBuffer;
}

/** Stands in for `worker.ts`: does what the text says, and otherwise answers with the length of the text. */
const { gate, onnxFile, settings } = workerData as WorkerStart;
const { release } = settings as unknown as UnrulySettings;
const say = (message: WorkerMessage): void => parentPort?.postMessage(message);

const work = async ({ id, items }: WorkRequest): Promise<void> => {
  for (const { text } of items) {
    if (text === "crash") throw new Error("segments are at fault\nsecond line");
    if (text === "exit") process.exit(3);
    if (text === "hang") for (;;);
    if (text.startsWith("hang inside")) {
      // Without a number until the test lets it go.
      const [, , forMs] = text.split(" ");
      const word = new Int32Array(forMs === undefined ? release : new SharedArrayBuffer(4));
      // As native code would: the thread does nothing else.
      await throughGate(gate, process.exit, async () => {
        await Promise.resolve();
        Atomics.wait(word, 0, 0, forMs === undefined ? undefined : Number(forMs));
      });
    }
  }
  const results = items.map(({ text }): WorkResult => {
    const window = { offset: 0, length: text.length };
    if (text.startsWith("hang")) return { score: null, code: "late", message: "late" };
    return { score: { logit: text.length, window, tokens: text.length, windows: 1 } };
  });
  say({ type: "done", id, results });
};
parentPort?.on("message", (request: WorkRequest) => void work(request));
if (onnxFile === "dies") process.exit(9);
if (onnxFile === "hangs") for (;;);
// The first thread of the process loads, those after it do not.
if (onnxFile === "hangs later" && Atomics.add(new Int32Array(release), 0, 1) > 0) for (;;);
if (onnxFile.startsWith("hangs inside")) {
  await throughGate(gate, process.exit, async () => {
    await Promise.resolve();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(onnxFile.split(" ")[2]));
  });
}
say({ type: "ready" });
