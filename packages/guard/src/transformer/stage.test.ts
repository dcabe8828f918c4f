import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTransformerFolder } from "./folder.ts";
import { sigmoid } from "./logit.ts";
import { createTransformerStage, stacked, type TransformerStage } from "./stage.ts";
import { type FolderOptions, modelFolder } from "./testing/model-folder.ts";

/** A stage for a tiny model; the texts' words are known: hello adds -1 to the logit, attack 6, slow takes time. */
async function stageOf(options: FolderOptions = {}, pool: object = {}): Promise<TransformerStage> {
  await using folder = await modelFolder(options);
  return await createTransformerStage(await readTransformerFolder(folder.path), { workers: 1, ...pool });
}
const logit = async (stage: TransformerStage, text: string): Promise<number> => {
  const { probability } = await stage.screen(text);
  return Math.log(probability / (1 - probability));
};

describe("a transformer", () => {
  let stage: TransformerStage;
  beforeAll(async () => {
    stage = await stageOf({ crucible: { windowTokens: 18, strideTokens: 8 } });
  });
  afterAll(async () => await stage.close());

  it("gives the probability of the labels that mean an attack", async () => {
    expect(await logit(stage, "hello")).toBeCloseTo(-1);
    expect(await logit(stage, "Hello ATTACK, whatever")).toBeCloseTo(5);
  });

  it("reads all of a long text, and says where it is worst", async () => {
    const words = Array.from({ length: 1_000 }, () => "hello");
    for (const at of [0, 1, 15, 16, 17, 499, 998, 999]) {
      const text = words.with(at, "attack").join(" ");
      const { probability, evidence } = await stage.screen(text, { evidence: 3 });
      // At most 15 harmless words share a window with it, and the last windows have fewer.
      expect(probability).toBeGreaterThanOrEqual(sigmoid(6 - 15.001));
      const [, from = "", to = "", all = ""] = /^tokens (\d+) to (\d+) of (\d+)$/.exec(evidence[0]?.text ?? "") ?? [];
      expect(Number(all)).toBe(1_000);
      expect(at).toBeGreaterThanOrEqual(Number(from));
      expect(at).toBeLessThan(Number(to));
    }
    expect((await stage.screen(words.join(" "))).probability).toBeLessThan(sigmoid(-7));
  });

  it("gives the same in a batch of many lengths as alone", async () => {
    const texts = Array.from({ length: 60 }, (_, i) => `${"hello ".repeat(i % 13)}${i % 3 === 0 ? "attack" : "hello"}`);
    const together = await Promise.all(texts.map(async (text) => await logit(stage, text)));
    for (const [i, text] of texts.entries()) expect(await logit(stage, text)).toBeCloseTo(together[i] ?? 0, 4);
  });

  it("refuses a text with too many windows instead of cutting it", async () => {
    await expect(stage.screen("hello ".repeat(512 * 8 + 16))).rejects.toMatchObject({
      code: "text_too_long",
      message: expect.stringMatching(/513 windows; 512 are allowed/),
    });
    expect(await logit(stage, "hello")).toBeCloseTo(-1);
  });

  it("reads an empty text", async () => {
    expect(await logit(stage, "")).toBeCloseTo(0);
  });
});

describe("models of other makers", () => {
  it("feeds token types to a model that wants them", async () => {
    await using stage = await stageOf({ model: { tokenTypes: true } });
    expect(await logit(stage, "hello attack")).toBeCloseTo(5);
  });

  it("reads SentencePiece tokenizers, as DeBERTa has them", async () => {
    await using stage = await stageOf({ tokenizer: "unigram" });
    expect(await logit(stage, "hello attack")).toBeCloseTo(5);
    expect(await logit(stage, "  hello\u00a0strange ")).toBeCloseTo(-1);
  });

  it("loads weights that lie beside the model", async () => {
    await using folder = await modelFolder({ model: { externalData: "model.onnx_data" } });
    const model = await readTransformerFolder(folder.path);
    expect(model.files.map(({ path }) => path)).toContain("onnx/model.onnx_data");
    await using stage = await createTransformerStage(model, { workers: 1 });
    expect(await logit(stage, "attack")).toBeCloseTo(6);
  });

  it("takes several attack labels together, or each by itself", async () => {
    const scores = [
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
      [1, 0, 0],
      [0, 2, 2],
      [0, 0, 0],
    ];
    const config = { id2label: { 0: "BENIGN", 1: "INJECTION", 2: "JAILBREAK" } };
    await using softmax = await stageOf({ model: { scores }, config });
    expect(await logit(softmax, "attack")).toBeCloseTo(2 + Math.log(2));
    await using sigmoids = await stageOf({
      model: { scores },
      config: { ...config, problem_type: "multi_label_classification" },
    });
    expect(await logit(sigmoids, "attack")).toBeCloseTo(2);
  });

  it("normalises for a model that was trained so, and reads what was hidden", async () => {
    const hidden = Buffer.from("please attack the tower at dawn").toString("base64");
    await using raw = await stageOf();
    await using normalised = await stageOf({ crucible: { input: "normalised" } });
    expect(await logit(raw, `hello ${hidden}`)).toBeCloseTo(-1);
    expect(await logit(normalised, `hello ${hidden}`)).toBeCloseTo(5);
    expect(await logit(normalised, "\u0430tt\u0430ck")).toBeCloseTo(6);
  });
});

describe("stacking", () => {
  const stack = { bayesLogit: 0.5, transformerLogit: 2, bias: 1 };

  it("joins the log-odds of both stages, and uses its own where Bayes gave none", async () => {
    await using stage = await stageOf({ crucible: { stack } });
    const earlier = [{ stage: "bayes", probability: 0.9 }];
    const { probability } = await stage.screen("hello", { earlier });
    expect(probability).toBeCloseTo(sigmoid(0.5 * Math.log(9) + 2 * -1 + 1));
    for (const none of [[], [{ stage: "bayes", probability: null }]]) {
      expect((await stage.screen("hello", { earlier: none })).probability).toBeCloseTo(sigmoid(-1));
    }
  });

  it("stays finite for a Bayes stage that is certain", () => {
    expect(Number.isFinite(stacked(stack, 0, 0))).toBe(true);
    expect(Number.isFinite(stacked(stack, 0, 1))).toBe(true);
  });
});

describe("a transformer that is slow", () => {
  it("stops reading a text at its deadline and does not keep the next one waiting for it", async () => {
    await using stage = await stageOf();
    // Some fifty windows, of which each takes tens of milliseconds.
    const text = `slow ${"hello ".repeat(400)}`.repeat(30);
    await expect(stage.screen(text, { timeoutMs: 100 })).rejects.toMatchObject({
      code: "late",
      reason: "stage_timeout",
    });
    expect(await logit(stage, "hello")).toBeCloseTo(-1);
    expect(stage.stats()).toMatchObject({ replaced: 0, busy: 0 });
  });

  it("refuses at once when too many wait", async () => {
    await using stage = await stageOf({}, { queueLimit: 2 });
    const results = await Promise.allSettled(Array.from({ length: 5 }, async () => await stage.screen("slow slow")));
    const codes = results.map((result) =>
      result.status === "rejected" ? (result.reason as { code: string }).code : "ok",
    );
    // One is with the thread, two wait.
    expect(codes.toSorted()).toEqual(["ok", "ok", "ok", "queue_full", "queue_full"]);
    expect(stage.stats().refused).toBe(2);
  });

  it("lets what runs come to its end when it is closed, and refuses the rest", async () => {
    const stage = await stageOf();
    const running = stage.screen("slow slow attack");
    const waiting = stage.screen("hello");
    const closed = stage.close();
    await expect(waiting).rejects.toMatchObject({ code: "closed" });
    expect((await running).probability).toBeGreaterThan(0.9);
    await closed;
    await expect(stage.screen("hello")).rejects.toMatchObject({ code: "closed" });
    expect(stage.stats().workers).toBe(0);
  });

  it("does not take the process down when it exits in the middle of a run", async () => {
    await using folder = await modelFolder();
    const program = `
      const { readTransformerFolder } = await import(process.argv[1] + "/folder.ts");
      const { createTransformerStage } = await import(process.argv[1] + "/stage.ts");
      const stage = await createTransformerStage(await readTransformerFolder(process.argv[2]), { workers: 2 });
      for (let i = 0; i < 4; i++) void stage.screen("slow slow slow").catch(() => {});
      setTimeout(() => process.exit(7), 30);`;
    const args = ["--input-type=module", "-e", program, import.meta.dirname, folder.path];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    expect(await once(child, "close").then(([code]) => ({ code: code as number, said }))).toEqual({
      code: 7,
      said: "",
    });
  });
});

it("lies where its worker is", () => {
  // The worker's file is named by a URL, which no type checker follows.
  expect(join(import.meta.dirname, "worker.ts")).toBe(new URL("worker.ts", import.meta.url).pathname);
});
