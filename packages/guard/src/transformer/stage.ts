import { fileURLToPath } from "node:url";
import type { PoolStats } from "../guard/types.ts";
import type { Evidence, ScreenOptions, Stage, StageScore } from "../stage.ts";
import { startLane } from "./lane.ts";
import { logitOf, sigmoid } from "./logit.ts";
import { createPool, type PoolSettings } from "./pool.ts";
import type { Stack, TransformerModel, TransformerScore } from "./types.ts";

/** The transformer as a stage. Owns threads; call `close()` when it is no longer needed. */
export interface TransformerStage extends Stage, AsyncDisposable {
  screen: (text: string, options?: ScreenOptions) => Promise<StageScore>;
  stats(): PoolStats;
  close(): Promise<void>;
}

/** Beside this file, as TypeScript here and as JavaScript in the npm package; no compiler rewrites a URL. */
const WORKER = new URL(import.meta.url.endsWith(".ts") ? "worker.ts" : "worker.js", import.meta.url);

/** Starts threads for a model. Rejects with `ModelFileError` when it cannot be loaded; nothing is left running then. */
export async function createTransformerStage(
  model: TransformerModel,
  settings: PoolSettings,
  workerUrl = WORKER,
): Promise<TransformerStage> {
  const { folder, onnxFile, settings: about, stack, version } = model;
  const start = () => startLane(workerUrl, { folder, onnxFile, settings: about });
  const pool = await createPool(start, folder, settings);
  return {
    name: "transformer",
    version,
    screen: async (text, { evidence = 0, evidenceFrom = 0, signal, timeoutMs, earlier = [] } = {}) => {
      const score = await pool.score(text, {
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(signal === undefined ? {} : { signal }),
      });
      const bayes = earlier.find(({ stage }) => stage === "bayes")?.probability ?? null;
      const probability = sigmoid(stack === null ? score.logit : stacked(stack, score.logit, bayes));
      return { probability, evidence: evidence > 0 && probability >= evidenceFrom ? [evidenceOf(score)] : [] };
    },
    stats: pool.stats,
    close: pool.close,
    [Symbol.asyncDispose]: pool.close,
  };
}

/** Both stages' log-odds as one. Where the Bayes stage was not asked or failed, the transformer's stand alone. */
export function stacked(stack: Stack, logit: number, bayes: number | null): number {
  return bayes === null ? logit : stack.bayesLogit * logitOf(bayes) + stack.transformerLogit * logit + stack.bias;
}

/** Where it is worst. A transformer has no words to name, and repeats no text. */
function evidenceOf({ logit, window: { offset, length }, tokens, windows }: TransformerScore): Evidence {
  const where = windows === 1 ? `all ${tokens} tokens` : `tokens ${offset} to ${offset + length} of ${tokens}`;
  return { text: where, weight: logit, via: [] };
}

/** Where the weights lie that come with this package. */
export function shippedTransformerPath(): string {
  return fileURLToPath(new URL("../../models/transformer-1/", import.meta.url));
}
