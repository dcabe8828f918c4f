import { type Field, message } from "./protobuf.ts";

/** Numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
const FLOAT = 1;
const INT64 = 7;

/** A classifier in a few hundred bytes: logits are the sums of a score per token, so that tests know the answer. */
export interface TinyModel {
  /** Logits that each token adds, by its id. */
  readonly scores: readonly (readonly number[])[];
  /**
   * Makes the model slow: each token adds so many rows to a square matrix that is multiplied by itself; 1,000 rows take
   * about 20 ms, 2,000 take 170.
   */
  readonly rows?: readonly number[];
  /** Adds an input `token_type_ids`, whose value 1 adds 100 to each logit. */
  readonly tokenTypes?: boolean;
  /** Where the scores lie, if not in the model itself. */
  readonly externalData?: string;
  /** Number of logits that the model declares; default: as many as a token has. */
  readonly declares?: number;
  /** Default `logits`. */
  readonly output?: string;
  /** An input that no loader knows. */
  readonly extraInput?: string;
}

/** The bytes of the model, and of its external data. */
export function tinyOnnx(model: TinyModel): { model: Uint8Array; data: Uint8Array } {
  const { scores, rows, tokenTypes = false, externalData, output = "logits", extraInput } = model;
  const width = scores[0]?.length ?? 0;
  const data = floats(scores.flat());
  const shape: readonly Field[] = [
    [1, [scores.length, width]],
    [2, FLOAT],
    [8, "scores"],
  ];
  const table =
    externalData === undefined
      ? message(...shape, [9, data])
      : message(
          ...shape,
          [13, [pair("location", externalData), pair("offset", "0"), pair("length", `${data.length}`)]],
          [14, 1],
        );
  const nodes = [
    node("Gather", ["scores", "input_ids"], ["each"]),
    node("Cast", ["attention_mask"], ["mask"], int("to", FLOAT)),
    node("Unsqueeze", ["mask", "two"], ["mask3"]),
    node("Mul", ["each", "mask3"], ["kept"]),
    node("ReduceSum", ["kept", "one"], ["sum"], int("keepdims", 0)),
  ];
  const constants = [table, ints("two", [1], [2]), ints("one", [1], [1])];
  let last = "sum";
  if (tokenTypes) {
    nodes.push(
      node("Gather", ["kinds", "token_type_ids"], ["eachKind"]),
      node("ReduceSum", ["eachKind", "one"], ["kindSum"], int("keepdims", 1)),
      node("Add", [last, "kindSum"], ["typed"]),
    );
    constants.push(message([1, [2]], [2, FLOAT], [8, "kinds"], [9, floats([0, 100])]));
    last = "typed";
  }
  if (rows !== undefined) {
    nodes.push(
      node("Gather", ["rows", "input_ids"], ["eachRows"]),
      node("Mul", ["eachRows", "attention_mask"], ["keptRows"]),
      node("ReduceSum", ["keptRows"], ["allRows"], int("keepdims", 0)),
      node("Reshape", ["allRows", "one"], ["side"]),
      node("Concat", ["side", "side"], ["square"], int("axis", 0)),
      node("Expand", ["zero", "square"], ["matrix"]),
      node("MatMul", ["matrix", "matrix"], ["product"]),
      node("ReduceSum", ["product"], ["nothing"], int("keepdims", 0)),
      node("Add", [last, "nothing"], ["slow"]),
    );
    constants.push(ints("rows", [rows.length], rows), message([1, [1]], [2, FLOAT], [8, "zero"], [9, floats([0])]));
    last = "slow";
  }
  nodes.push(node("Identity", [last], [output]));
  const inputs = ["input_ids", "attention_mask", ...(tokenTypes ? ["token_type_ids"] : [])];
  if (extraInput !== undefined) inputs.push(extraInput);
  const graph = message(
    [1, nodes],
    [2, "tiny"],
    [5, constants],
    [11, inputs.map((name) => valueInfo(name, INT64, ["batch", "sequence"]))],
    [12, [valueInfo(output, FLOAT, ["batch", model.declares ?? width])]],
  );
  return { model: message([1, 8], [2, "crucible"], [7, graph], [8, message([1, ""], [2, 13])]), data };
}

function node(type: string, inputs: readonly string[], outputs: readonly string[], attribute?: Uint8Array): Uint8Array {
  return message([1, inputs], [2, outputs], [4, type], [5, attribute === undefined ? [] : [attribute]]);
}

const int = (name: string, value: number): Uint8Array => message([1, name], [3, value], [20, 2]);
const pair = (key: string, value: string): Uint8Array => message([1, key], [2, value]);

function ints(name: string, dims: readonly number[], values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return message([1, dims], [2, INT64], [8, name], [9, bytes]);
}

function floats(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

function valueInfo(name: string, type: number, dims: readonly (string | number)[]): Uint8Array {
  const shape = message([1, dims.map((dim) => (typeof dim === "string" ? message([2, dim]) : message([1, dim])))]);
  return message([1, name], [2, message([1, message([1, type], [2, shape])])]);
}
