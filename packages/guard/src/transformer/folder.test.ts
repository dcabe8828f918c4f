import { symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ModelFileError } from "../bayes/model-file.ts";
import { manifestText } from "../models/manifest.ts";
import { readTransformerFolder } from "./folder.ts";
import { createTransformerStage } from "./stage.ts";
import { type FolderOptions, modelFolder } from "./testing/model-folder.ts";

/** Reads and loads the folder; the file and the reason of the refusal. */
async function refusalOf(options: FolderOptions, spoil?: (path: string) => Promise<void>): Promise<string> {
  await using folder = await modelFolder(options);
  await spoil?.(folder.path);
  try {
    const model = await readTransformerFolder(folder.path);
    await using _ = await createTransformerStage(model, { workers: 1 });
  } catch (error) {
    if (!(error instanceof ModelFileError)) throw error;
    return `${error.file.slice(folder.path.length + 1)}: ${error.reason}`;
  }
  throw new Error("it was accepted");
}

describe("a model folder that is wrong", () => {
  const config = (value: object) => ({ config: value });
  const cases: readonly (readonly [string, FolderOptions, RegExp])[] = [
    ["no config", { files: { "config.json": null } }, /^config\.json: there is no such file$/],
    ["a config that is no JSON", { files: { "config.json": "{secret" } }, /^config\.json: is no JSON$/],
    ["no tokenizer", { files: { "tokenizer.json": null } }, /^tokenizer\.json: there is no such file$/],
    ["an empty tokenizer", { files: { "tokenizer.json": "" } }, /^tokenizer\.json: is empty$/],
    ["a tokenizer without a vocabulary", { files: { "tokenizer.json": "[]" } }, /^tokenizer\.json: has no model/],
    [
      "a tokenizer that the library cannot read",
      { files: { "tokenizer.json": '{"model":{"type":"Magic","vocab":{"a":0}}}' } },
      /^tokenizer\.json: /,
    ],
    ["no model", { files: { "onnx/model.onnx": null } }, /^onnx: there is no onnx\/model\.onnx/],
    ["a model that is none", { files: { "onnx/model.onnx": "hello" } }, /^onnx\/model\.onnx: .*rotobuf/],
    [
      "missing external data",
      { model: { externalData: "model.onnx_data" }, files: { "onnx/model.onnx_data": null } },
      /^onnx\/model\.onnx: /,
    ],
    [
      "the tokenizer of another model",
      config({ vocab_size: 5 }),
      /^tokenizer\.json: has tokens up to 6, but config\.json says that the model knows 5/,
    ],
    [
      "a model with a smaller table",
      {
        model: {
          scores: [
            [0, 0],
            [0, 0],
            [0, 0],
            [0, 0],
            [0, 0],
          ],
          rows: [0, 0, 0, 0, 0],
        },
      },
      /^onnx\/model\.onnx: does not run with tokenizer\.json \(tokens up to 6\)/,
    ],
    [
      "another number of labels",
      config({ id2label: { 0: "BENIGN", 1: "INJECTION", 2: "JAILBREAK" } }),
      /^onnx\/model\.onnx: .*\[2, 2\] for 2 texts, but config\.json has 3 labels/,
    ],
    [
      "labels that contradict their number",
      config({ num_labels: 3 }),
      /^config\.json: num_labels is 3, but id2label has 2/,
    ],
    [
      "labels without a known meaning",
      config({ id2label: { 0: "CAT", 1: "DOG" } }),
      /^config\.json: which of the labels "CAT", "DOG" mean an attack is not clear; say it in crucible\.json/,
    ],
    [
      "a gap between labels",
      config({ id2label: { 0: "SAFE", 2: "INJECTION" } }),
      /^config\.json: id2label must have the keys 0 to 1/,
    ],
    [
      "an input that no text has",
      { model: { extraInput: "pixel_values" } },
      /^onnx\/model\.onnx: the model wants an input "pixel_values"/,
    ],
    [
      "gaps between windows",
      { crucible: { windowTokens: 64, strideTokens: 64 } },
      /^crucible\.json: strideTokens 64 leaves gaps/,
    ],
    [
      "another file than crucible.json has a digest of",
      { crucible: { files: { "config.json": "0".repeat(64) } } },
      /^config\.json: is changed: crucible\.json has another SHA-256/,
    ],
    [
      "a digest of a file that is not read",
      { crucible: { files: { "x.json": "0".repeat(64) } } },
      /^crucible\.json: files names "x.json"/,
    ],
    ["an unknown key of ours", { crucible: { inputt: "raw" } }, /^crucible\.json: .*inputt/],
    [
      "a path that leads out",
      { crucible: { onnxFile: "../../etc/model.onnx" } },
      /^crucible\.json: onnxFile must be like/,
    ],
    [
      "a label that it does not have",
      { crucible: { attackLabels: ["BAD"] } },
      /^config\.json: attackLabels names "BAD"/,
    ],
  ];
  it.each(cases)("is refused with the file and the reason: %s", async (_, options, expected) => {
    expect(await refusalOf(options)).toMatch(expected);
  });

  it("is refused when the model is cut off", async () => {
    const cut = async (path: string) => await truncate(join(path, "onnx/model.onnx"), 200);
    expect(await refusalOf({}, cut)).toMatch(/^onnx\/model\.onnx: /);
  });

  it("is refused when a file is a link, so that no file from elsewhere is read", async () => {
    const link = async (path: string) => {
      await writeFile(join(path, "elsewhere.json"), "{}");
      await symlink(join(path, "elsewhere.json"), join(path, "config.json"));
    };
    expect(await refusalOf({ files: { "config.json": null } }, link)).toBe("config.json: is a link, not a plain file");
  });

  it("is refused when its weights lie outside", async () => {
    expect(await refusalOf({ model: { externalData: "../../outside.bin" } })).toMatch(/^onnx\/model\.onnx: .*escapes/);
  });

  it("is refused when a byte is not what its manifest says", async () => {
    const change = async (path: string) => {
      const files = [{ path: "config.json", sizeBytes: 3, sha256: "0".repeat(64) }];
      const about = { name: "org/tiny", revision: "0".repeat(40), requested: "main", installedAt: "", licence: null };
      const manifest = manifestText({ ...about, version: 1, source: { kind: "import" }, files });
      await writeFile(join(path, "crucible-model.json"), manifest);
    };
    expect(await refusalOf({}, change)).toBe("config.json: is changed (crucible-model.json)");
    const spoil = async (path: string) => await writeFile(join(path, "crucible-model.json"), "{}");
    expect(await refusalOf({}, spoil)).toMatch(/^crucible-model\.json: .*no manifest/);
  });

  it("is refused when a file is larger than allowed, without reading it", async () => {
    const blow = async (path: string) => await truncate(join(path, "config.json"), 2 ** 21);
    expect(await refusalOf({}, blow)).toBe("config.json: has 2097152 bytes; 1048576 are allowed");
  });
});

describe("a model folder", () => {
  it("gives labels, window and hash, which changes with any file", async () => {
    await using folder = await modelFolder({ config: { max_position_embeddings: 130 } });
    const model = await readTransformerFolder(folder.path, "tiny");
    expect(model.settings).toMatchObject({ attacks: [1], activation: "softmax", windowTokens: 130, strideTokens: 65 });
    expect(model.files.map(({ path }) => path)).toEqual([
      "config.json",
      "tokenizer.json",
      "tokenizer_config.json",
      "onnx/model.onnx",
    ]);
    expect(model.version).toMatch(/^tiny@[0-9a-f]{12}$/);
    await writeFile(join(folder.path, "tokenizer_config.json"), "{}");
    expect((await readTransformerFolder(folder.path, "tiny")).version).not.toBe(model.version);
  });

  it("needs no tokenizer_config.json", async () => {
    await using folder = await modelFolder({ files: { "tokenizer_config.json": null } });
    await using stage = await createTransformerStage(await readTransformerFolder(folder.path), { workers: 1 });
    expect((await stage.screen("attack")).probability).toBeGreaterThan(0.9);
  });

  it("prefers the unquantised model, and takes the one that is named", async () => {
    const names = { "onnx/model_quantized.onnx": "x", "onnx/model_int8.onnx": "x" };
    await using folder = await modelFolder({ files: names });
    expect((await readTransformerFolder(folder.path)).onnxFile).toBe("onnx/model.onnx");
    await using without = await modelFolder({ files: { ...names, "onnx/model.onnx": null } });
    expect((await readTransformerFolder(without.path)).onnxFile).toBe("onnx/model_quantized.onnx");
    await using named = await modelFolder({ files: names, crucible: { onnxFile: "onnx/model_int8.onnx" } });
    expect((await readTransformerFolder(named.path)).onnxFile).toBe("onnx/model_int8.onnx");
    await using flat = await modelFolder({ files: { "onnx/model.onnx": null, "model.onnx": "x" } });
    expect((await readTransformerFolder(flat.path)).onnxFile).toBe("model.onnx");
  });

  it.each([
    ["two of three labels", { id2label: { 0: "BENIGN", 1: "INJECTION", 2: "JAILBREAK" } }, {}, { attacks: [1, 2] }],
    [
      "labels without names",
      { id2label: undefined, num_labels: 2 },
      {},
      { attacks: [1], labels: ["LABEL_0", "LABEL_1"] },
    ],
    ["the other order", { id2label: { 0: "MALICIOUS", 1: "benign" } }, {}, { attacks: [0] }],
    ["labels that were named", { id2label: { 0: "CAT", 1: "DOG" } }, { attackLabels: ["CAT"] }, { attacks: [0] }],
    ["one label", { id2label: { 0: "INJECTION" } }, {}, { attacks: [0], activation: "sigmoid" }],
    ["several at once", { problem_type: "multi_label_classification" }, {}, { activation: "sigmoid" }],
    ["RoBERTa's positions", { model_type: "xlm-roberta", max_position_embeddings: 514 }, {}, { windowTokens: 512 }],
    ["relative positions", { max_position_embeddings: -1 }, {}, { windowTokens: 512 }],
  ] as const)("is understood: %s", async (_, config, crucible, expected) => {
    await using folder = await modelFolder({ config, crucible });
    expect((await readTransformerFolder(folder.path)).settings).toMatchObject(expected);
  });
});
