import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { createEncoder } from "./encoder.ts";
import { firstLine } from "./errors.ts";
import { throughGate } from "./gate.ts";
import type { WorkerMessage, WorkerStart, WorkRequest } from "./protocol.ts";
import { createScorer } from "./scorer.ts";
import { loadSession } from "./session.ts";

/** The thread that owns one session. Started by `lane.ts` alone. */
const { folder, onnxFile, settings, gate } = workerData as WorkerStart;
const port = parentPort;
if (port === null) throw new Error("this file is a worker");
const say = (message: WorkerMessage): void => port.postMessage(message);
// In a worker this ends the thread, not the process.
const leave = (): never => process.exit(0);
/** Known when all is loaded. Listening from the start keeps the thread alive until its owner ends it. */
const scorer = Promise.withResolvers<ReturnType<typeof createScorer>>();
port.on("message", ({ id, items }: WorkRequest) => {
  void scorer.promise
    .then(async (score) => await score(items, Date.now))
    .then((results) => say({ type: "done", id, results }));
});
const native = async <T>(run: () => Promise<T>): Promise<T> => await throughGate(gate, leave, run);

/** Does a step of loading; what fails names its file. */
async function load<T>(file: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    // Paths of this machine are in many messages of ONNX Runtime.
    const reason = firstLine(error).replaceAll(folder, "").replaceAll(join(folder, onnxFile), file);
    say({ type: "unusable", file, reason });
    return await Promise.withResolvers<never>().promise;
  }
}

const json = async (file: string): Promise<object> => JSON.parse(await readFile(join(folder, file), "utf8")) as object;
const encoder = await load("tokenizer.json", async () =>
  createEncoder(await json("tokenizer.json"), await json("tokenizer_config.json").catch(() => ({}))),
);
const { padTokenId, labels } = settings;
const session = await load(onnxFile, async () =>
  native(async () => await loadSession(join(folder, onnxFile), labels.length)),
);
const run = async (windows: readonly (readonly number[])[]): Promise<Float32Array[]> =>
  await native(async () => await session.run(windows, padTokenId));
// The first run shows whether shapes fit, and the highest id whether the tokenizer belongs to the model.
await load(onnxFile, async () => {
  try {
    await run([[...encoder.before, padTokenId, ...encoder.behind], [encoder.highestId]]);
  } catch (error) {
    throw new Error(`does not run with tokenizer.json (tokens up to ${encoder.highestId}): ${firstLine(error)}`);
  }
});
scorer.resolve(createScorer(settings, encoder, run));
say({ type: "ready" });
