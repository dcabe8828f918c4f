import { InferenceSession, Tensor } from "onnxruntime-node";

/** A loaded model. */
export interface Session {
  /**
   * Logits of windows, one row each. The rows of ids are padded to the longest. Rejects with what ONNX Runtime says,
   * and with a `RangeError` when the output has another shape than the labels.
   */
  run(windows: readonly (readonly number[])[], padTokenId: number): Promise<Float32Array[]>;
}

/** Inputs that a text classifier may have, and what of a token goes into them. */
const INPUTS: Readonly<Record<string, (id: number | undefined, pad: number) => number>> = {
  input_ids: (id, pad) => id ?? pad,
  attention_mask: (id) => (id === undefined ? 0 : 1),
  token_type_ids: () => 0,
};

/**
 * Loads a model. One thread per session: workers are what runs side by side. Throws what ONNX Runtime says, or an error
 * that says what does not fit.
 */
export async function loadSession(path: string, labels: number): Promise<Session> {
  const session = await InferenceSession.create(path, {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    // Its warnings go to the process's standard error, past every log.
    logSeverityLevel: 4,
  });
  const { inputNames, inputMetadata, outputNames } = session;
  const stranger = inputNames.find((name) => !Object.hasOwn(INPUTS, name));
  if (stranger !== undefined) throw new Error(`the model wants an input ${JSON.stringify(stranger)}`);
  if (!inputNames.includes("input_ids")) throw new Error("the model has no input input_ids");
  const types = new Map(inputMetadata.map((about) => [about.name, about.isTensor ? about.type : "none"]));
  for (const name of inputNames) {
    const type = types.get(name);
    if (type !== "int64" && type !== "int32") throw new Error(`the input ${name} is ${type}, not int64 or int32`);
  }
  const output = outputNames.includes("logits") || outputNames.length !== 1 ? "logits" : (outputNames[0] ?? "logits");
  if (!outputNames.includes(output)) throw new Error(`the model has no output logits: ${outputNames.join(", ")}`);

  const feed = (name: string, windows: readonly (readonly number[])[], pad: number): Tensor => {
    const value = INPUTS[name] ?? (() => 0);
    const length = Math.max(...windows.map((ids) => ids.length));
    const cells = windows.flatMap((ids) => Array.from({ length }, (_, i) => value(ids[i], pad)));
    const dims = [windows.length, length];
    return types.get(name) === "int32"
      ? new Tensor("int32", Int32Array.from(cells), dims)
      : new Tensor("int64", BigInt64Array.from(cells, BigInt), dims);
  };
  return {
    run: async (windows, padTokenId) => {
      const feeds = Object.fromEntries(inputNames.map((name) => [name, feed(name, windows, padTokenId)]));
      const { [output]: logits } = await session.run(feeds, [output]);
      if (logits === undefined || logits.type !== "float32" || !(logits.data instanceof Float32Array)) {
        throw new RangeError(`the output ${output} is ${logits?.type ?? "missing"}, not float32`);
      }
      const { data, dims } = logits;
      if (dims.length !== 2 || dims[0] !== windows.length || dims[1] !== labels) {
        throw new RangeError(
          `the output ${output} is [${dims.join(", ")}] for ${windows.length} texts, but config.json has ${labels} labels`,
        );
      }
      return windows.map((_, i) => data.slice(i * labels, (i + 1) * labels));
    },
  };
}
