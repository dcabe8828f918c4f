import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { FEATURES } from "./measure.ts";
import type { BayesModel } from "./model.ts";
import { SURPRISE_SIZE } from "./surprise.ts";

/**
 * The file: `CRBAYES1` (8 bytes), header length (u32, little-endian), header (JSON, UTF-8), weights (one signed byte
 * each), character model (one byte each), SHA-256 of all before it (32 bytes).
 */
const MAGIC = "CRBAYES1";
const PREFIX = 12;
const CHECKSUM = 32;

/** A model file that cannot be used: which one and why. */
export class ModelFileError extends Error {
  override readonly name = "ModelFileError";
  readonly code = "model_file_invalid";
  readonly file: string;
  readonly reason: string;
  /** What to do next. */
  readonly fix = "install the model anew, or name another one";
  constructor(file: string, reason: string, cause?: unknown) {
    super(`${file}: ${reason}`, cause === undefined ? {} : { cause });
    this.file = file;
    this.reason = reason;
  }
}

type Header = Omit<BayesModel, "weights" | "surprise">;

/** The bytes of a model. */
export function encodeModel(model: BayesModel): Uint8Array {
  const { weights, surprise, ...header } = model;
  const json = Buffer.from(JSON.stringify(header), "utf8");
  const prefix = Buffer.alloc(PREFIX);
  prefix.write(MAGIC, "latin1");
  prefix.writeUInt32LE(json.length, 8);
  const body = Buffer.concat([
    prefix,
    json,
    new Uint8Array(weights.buffer, weights.byteOffset, weights.length),
    surprise,
  ]);
  return Buffer.concat([body, createHash("sha256").update(body).digest()]);
}

/** Reads a model from bytes; `file` is the name that errors give. Throws `ModelFileError`. */
export function decodeModel(bytes: Uint8Array, file: string): BayesModel {
  const refuse = (reason: string, cause?: unknown): never => {
    throw new ModelFileError(file, reason, cause);
  };
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (data.length < PREFIX + CHECKSUM) refuse(`not a model: only ${data.length} bytes`);
  const magic = data.toString("latin1", 0, 8);
  if (magic !== MAGIC) {
    refuse(
      magic.startsWith("CRBAYES") ? `format version ${magic.slice(7)}, this reads 1` : "not a Bayes model of Crucible",
    );
  }
  const headerEnd = PREFIX + data.readUInt32LE(8);
  if (headerEnd > data.length - CHECKSUM) refuse("cut off inside the header");
  const body = data.subarray(0, data.length - CHECKSUM);
  if (!createHash("sha256").update(body).digest().equals(data.subarray(body.length))) {
    refuse("checksum does not match: the file is damaged or cut off");
  }
  let header: Header;
  try {
    header = JSON.parse(data.toString("utf8", PREFIX, headerEnd)) as Header;
  } catch (cause) {
    return refuse("the header is not JSON", cause);
  }
  const wrong = headerProblem(header);
  if (wrong !== "") refuse(wrong);
  const size = 2 ** header.settings.bits;
  if (body.length - headerEnd !== size + SURPRISE_SIZE) {
    refuse(`${body.length - headerEnd} bytes of weights where the header promises ${size + SURPRISE_SIZE}`);
  }
  const tables = new Uint8Array(body.subarray(headerEnd));
  return { ...header, weights: new Int8Array(tables.buffer, 0, size), surprise: tables.subarray(size) };
}

/** The checksum vouches for the writer's bytes, not for its version: what scoring relies on is looked at. */
function headerProblem(header: Partial<Header>): string {
  const { settings, features, coefficients, low, high, thresholds } = header;
  const numbers = [
    header.weightScale,
    header.bias,
    header.offset,
    ...(coefficients ?? []),
    ...(low ?? []),
    ...(high ?? []),
  ];
  if (!Array.isArray(features) || features.join() !== FEATURES.join()) {
    return "trained for other features than this version measures; train it again";
  }
  if ([coefficients, low, high].some((list) => list?.length !== FEATURES.length))
    return "the header lacks coefficients";
  if (!numbers.every((number) => Number.isFinite(number))) return "the header has a coefficient that is no number";
  const { bits = 0, charMin = 0, charMax = 0 }: Partial<Header["settings"]> = settings ?? {};
  if (!(bits >= 8 && bits <= 22 && charMin >= 2 && charMin <= charMax && charMax <= 6)) return "settings out of range";
  const { allowBelow = -1, blockFrom = 2 }: Partial<Header["thresholds"]> = thresholds ?? {};
  if (!(allowBelow >= 0 && allowBelow <= blockFrom && blockFrom <= 1)) return "thresholds out of range";
  return "";
}

/** Reads a model file. Rejects with `ModelFileError`, also when the file cannot be read. */
export async function loadModel(path: string): Promise<BayesModel> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new ModelFileError(path, code === "ENOENT" ? "there is no such file" : message, cause);
  }
  return decodeModel(bytes, path);
}

/** First 12 hexadecimal digits of the model's SHA-256: changes with any weight. */
export function modelHash(model: BayesModel): string {
  return createHash("sha256").update(encodeModel(model)).digest("hex").slice(0, 12);
}
