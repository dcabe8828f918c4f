import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { ModelFileError } from "../bayes/model-file.ts";
import { fileOf } from "../guard/file-of.ts";
import type { ModelFile } from "../guard/types.ts";
import { readManifest } from "../models/manifest.ts";
import { MANIFEST_FILE } from "../models/names.ts";
import { findDamage } from "../models/verify.ts";
import { readCrucibleJson, readSettings } from "./config.ts";
import { firstLine } from "./errors.ts";
import { MAX_FILE_BYTES, MAX_MODEL_BYTES } from "./limits.ts";
import type { TransformerModel } from "./types.ts";

/** Files that hold a model, best first: the unquantised one is what its publisher measured. */
const SUFFIXES = ["", "_quantized", "_int8", "_uint8", "_fp16", "_q4", "_bnb4", "_q4f16"];
const ONNX_NAME = /^model[\w.-]{0,100}\.onnx$/;

/**
 * Reads a folder as a Hugging Face hub has it: `config.json`, `tokenizer.json`, `onnx/model*.onnx` (or beside
 * them) with external data, and maybe `tokenizer_config.json` and `crucible.json`. Nothing is loaded yet. Only plain
 * files right there are read, no name comes from the files themselves, and each has a largest size.
 *
 * Rejects with `ModelFileError`, which names the file and the reason.
 */
export async function readTransformerFolder(path: string, called?: string): Promise<TransformerModel> {
  const folder = resolve(path);
  await checkManifest(folder);
  const json = async (file: keyof typeof MAX_FILE_BYTES): Promise<{ value: unknown; file: ModelFile }> =>
    await readJson(folder, file);
  const config = await json("config.json");
  const maybe = async (file: keyof typeof MAX_FILE_BYTES) =>
    await json(file).catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    });
  const tokenizerConfig = await maybe("tokenizer_config.json");
  const ours = await maybe("crucible.json");
  const crucible = readCrucibleJson(ours?.value ?? {});
  if (typeof crucible === "string") throw new ModelFileError(join(folder, "crucible.json"), crucible);
  const read = readSettings({ config: config.value, tokenizerConfig: tokenizerConfig?.value ?? {} }, crucible);
  if ("reason" in read) throw new ModelFileError(join(folder, read.file), read.reason);
  const tokenizer = await json("tokenizer.json");
  checkVocabulary(folder, tokenizer.value, read.vocabulary);
  const onnx = await findOnnx(folder, crucible.onnxFile);
  const files = [config, tokenizer, tokenizerConfig, ours].flatMap((each) => (each === null ? [] : [each.file]));
  for (const each of [onnx.file, ...onnx.data]) files.push(await plainFile(folder, each, MAX_MODEL_BYTES));
  const wrong = damagedFile(files, crucible.files ?? {});
  if (wrong !== null) throw new ModelFileError(join(folder, wrong.file), wrong.reason);
  const lines = files.map((file) => `${file.sha256}  ${file.path}\n`).toSorted();
  const hash = createHash("sha256").update(lines.join("")).digest("hex").slice(0, 12);
  const { settings, stack } = read;
  const name = called ?? crucible.name ?? basename(folder);
  return { name, version: `${name}@${hash}`, folder, onnxFile: onnx.file, files, settings, stack };
}

/** The first file that is not what `crucible.json` says of it: digests by path, of any of the files that are read. */
function damagedFile(
  files: readonly ModelFile[],
  digests: Readonly<Record<string, string>>,
): { file: string; reason: string } | null {
  for (const [path, sha256] of Object.entries(digests)) {
    const file = files.find((each) => each.path === path);
    if (file === undefined)
      return { file: "crucible.json", reason: `files names ${JSON.stringify(path)}, which is not read` };
    if (file.sha256 !== sha256) return { file: path, reason: "is changed: crucible.json has another SHA-256 of it" };
  }
  return null;
}

/** Where the folder says what it should hold, every byte is compared. */
async function checkManifest(folder: string): Promise<void> {
  const manifest = await readManifest(folder).catch((cause: unknown) => {
    throw new ModelFileError(join(folder, MANIFEST_FILE), firstLine(cause), cause);
  });
  if (manifest === null) return;
  const [damage] = await findDamage(folder, manifest);
  if (damage !== undefined) throw new ModelFileError(join(folder, damage.path), `is ${damage.what} (${MANIFEST_FILE})`);
}

/** A tokenizer that knows more tokens than the model would have the model look beyond its table. */
function checkVocabulary(folder: string, tokenizer: unknown, vocabulary: number | null): void {
  const { model, added_tokens: added } = (tokenizer ?? {}) as { model?: { vocab?: unknown }; added_tokens?: unknown };
  const vocab = model?.vocab;
  if (typeof vocab !== "object" || vocab === null) {
    throw new ModelFileError(join(folder, "tokenizer.json"), "has no model with a vocabulary");
  }
  let most = Array.isArray(vocab) ? vocab.length - 1 : 0;
  const ids = Array.isArray(vocab) ? [] : Object.values(vocab as Record<string, unknown>);
  const more = Array.isArray(added) ? added.map((token: { id?: unknown } | null) => token?.id) : [];
  for (const list of [ids, more]) {
    for (const id of list) {
      if (typeof id !== "number" || !Number.isInteger(id) || id < 0) {
        throw new ModelFileError(join(folder, "tokenizer.json"), "a token has no whole number as its id");
      }
      most = Math.max(most, id);
    }
  }
  if (vocabulary !== null && most >= vocabulary) {
    const reason = `has tokens up to ${most}, but config.json says that the model knows ${vocabulary}: not its tokenizer`;
    throw new ModelFileError(join(folder, "tokenizer.json"), reason);
  }
}

/** The model to load and the files that hold its weights, within the folder. */
async function findOnnx(folder: string, wanted: string | undefined): Promise<{ file: string; data: string[] }> {
  if (wanted !== undefined && !ONNX_NAME.test(wanted.replace(/^onnx\//, ""))) {
    throw new ModelFileError(join(folder, "crucible.json"), "onnxFile must be like onnx/model_quantized.onnx");
  }
  for (const below of ["onnx/", ""]) {
    const names = await readdir(join(folder, below)).catch((): string[] => []);
    const order = wanted === undefined ? SUFFIXES.map((suffix) => `${below}model${suffix}.onnx`) : [wanted];
    const file = order.find(
      (candidate) => candidate.startsWith(below) && names.includes(candidate.slice(below.length)),
    );
    if (file === undefined) continue;
    const own = file.slice(below.length);
    const data = names.filter((name) => name.startsWith(`${own}_`) || name.startsWith(`${own}.`)).toSorted();
    return { file, data: data.map((name) => below + name) };
  }
  const expected = wanted ?? `onnx/model.onnx (or model${SUFFIXES.slice(1).join(", model")})`;
  throw new ModelFileError(join(folder, "onnx"), `there is no ${expected}`);
}

async function readJson(
  folder: string,
  file: keyof typeof MAX_FILE_BYTES,
): Promise<{ value: unknown; file: ModelFile }> {
  const about = await plainFile(folder, file, MAX_FILE_BYTES[file]);
  await using handle = await open(join(folder, file), constants.O_RDONLY | constants.O_NOFOLLOW);
  const bytes = await handle.readFile();
  if (createHash("sha256").update(bytes).digest("hex") !== about.sha256) {
    throw new ModelFileError(join(folder, file), "changed while it was read");
  }
  try {
    return { value: JSON.parse(bytes.toString("utf8")), file: about };
  } catch {
    // The parser's message would quote the file.
    throw new ModelFileError(join(folder, file), "is no JSON");
  }
}

/** Size and hash of a plain file of at most so many bytes; a link is none. */
async function plainFile(folder: string, file: string, mostBytes: number): Promise<ModelFile> {
  const path = join(folder, file);
  try {
    await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const about = await handle.stat();
    if (!about.isFile()) throw new Error("is no plain file");
    if (about.size > mostBytes) throw new Error(`has ${about.size} bytes; ${mostBytes} are allowed`);
    if (about.size === 0) throw new Error("is empty");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "there is no such file" : firstLine(cause);
    throw new ModelFileError(path, code === "ELOOP" ? "is a link, not a plain file" : reason, cause);
  }
  return await fileOf(path, file);
}

function isMissing(error: unknown): boolean {
  return error instanceof ModelFileError && (error.cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
}
