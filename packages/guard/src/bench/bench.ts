import { percentiles } from "../evaluate/summary.ts";
import { generate } from "../generator/index.ts";
import { loadStages } from "../guard/load-stage.ts";
import type { GuardOptions } from "../guard/types.ts";
import { createPipeline, type Pipeline } from "../pipeline/pipeline.ts";
import { DEFAULT_POLICY } from "../policy/default.ts";
import type { Policy } from "../policy/types.ts";
import type { Stage } from "../stage.ts";

/** How long texts took, in milliseconds. */
export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Screenings one after the other. */
export interface Rate extends Latency {
  /** In a second of one core's time, all threads together: what else the machine does, does not count. Median of rounds. */
  readonly perSecond: number;
}

/** What the guard can do on this machine. */
export interface GuardBench {
  readonly prompts: number;
  /** Median length of the prompts in UTF-16 code units. */
  readonly medianLength: number;
  /** The Bayes stage alone, in a pipeline without cache. */
  readonly bayes: Rate;
  /** The whole policy on the same prompts; the share of the texts that went past Bayes. Null with one stage. */
  readonly cascade: (Rate & { readonly pastBayes: number }) | null;
  /** One thread, texts of exactly so many tokens. Null where the policy has no transformer. */
  readonly transformer: (Latency & { readonly tokens: number; readonly runs: number }) | null;
  /** Resident memory before and after all models of the policy were loaded and used; one transformer thread. */
  readonly memory: { readonly beforeBytes: number; readonly afterBytes: number };
}

/** How much is measured. */
export interface BenchOptions extends Pick<GuardOptions, "models" | "dataDir" | "baseDir"> {
  readonly policy?: Policy;
  /** Rounds over the prompts; default 10. */
  readonly rounds?: number;
  /** Runs of the transformer; default 300. */
  readonly runs?: number;
  /** Called so often as `benchSteps` says. */
  readonly onStep?: () => void;
}

/** Prompts of a round: 5% attacks, the rest harmless, always the same. */
const PROMPTS = 2_000;
/** Tokens of the text for the transformer, those around it included. */
const TOKENS = 128;

/** What tokenizers put around a text: a token before and one behind it. */
const AROUND = 2;
const RUNS_PER_STEP = 50;

/** Calls of `onStep` in all. */
export function benchSteps({ policy = DEFAULT_POLICY, rounds = 10, runs = 300 }: BenchOptions): number {
  const isCascade = policy.stages.length > 1;
  const hasTransformer = policy.stages.some(({ name }) => name === "transformer");
  return 1 + rounds * (isCascade ? 2 : 1) + (hasTransformer ? Math.ceil(runs / RUNS_PER_STEP) : 0);
}

/**
 * Measures a policy on this machine. Memory comes first: call it before anything else uses much. Rejects as `createGuard`
 * does, and with a `RangeError` for a policy without the Bayes stage.
 */
export async function benchGuard(options: BenchOptions = {}): Promise<GuardBench> {
  const { policy = DEFAULT_POLICY, rounds = 10, runs = 300, onStep = () => {}, ...models } = options;
  const made = { seed: 3, attacks: PROMPTS / 20, benign: (PROMPTS / 20) * 19 };
  const texts = Array.from(generate(made), ({ text }) => text);
  const lengths = texts.map((text) => text.length).toSorted((a, b) => a - b);

  const beforeBytes = process.memoryUsage.rss();
  const loaded = await loadStages(policy, { ...models, workers: 1 });
  await using undo = new AsyncDisposableStack();
  undo.defer(loaded.close);
  const stages = loaded.stages.map(({ stage }) => stage);
  const bayes = policy.stages.filter(({ name }) => name === "bayes");
  if (bayes.length === 0) throw new RangeError("the policy has no Bayes stage to measure");
  const transformer = stages.find(({ name }) => name === "transformer");
  const whole = createPipeline({ policy, stages });
  let pastBayes = 0;
  for (const text of texts) if ((await whole.screen(text)).perStage.length > 1) pastBayes++;
  // A full window of the pipeline makes the transformer's buffers as large as they get.
  await transformer?.screen(texts.join("\n").slice(0, policy.window.size));
  const memory = { beforeBytes, afterBytes: process.memoryUsage.rss() };
  onStep();

  const { screen } = createPipeline({ policy: { ...policy, stages: bayes }, stages });
  const bayesRate = await rateOf(screen, texts, rounds, onStep);
  const isCascade = policy.stages.length > 1;
  const rate = isCascade ? await rateOf(whole.screen, texts, rounds, onStep) : null;
  return {
    prompts: texts.length,
    medianLength: lengths[lengths.length >> 1] ?? 0,
    bayes: bayesRate,
    cascade: rate && { ...rate, pastBayes: pastBayes / texts.length },
    transformer: transformer === undefined ? null : await transformerLatency(transformer, texts, runs, onStep),
    memory,
  };
}

async function rateOf(
  screen: Pipeline["screen"],
  texts: readonly string[],
  rounds: number,
  onStep: () => void,
): Promise<Rate> {
  const latencies: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage();
    for (const text of texts) {
      const at = performance.now();
      await screen(text);
      latencies.push(performance.now() - at);
    }
    const { user, system } = process.cpuUsage(before);
    rates.push((texts.length * 1_000_000) / (user + system));
    onStep();
  }
  return { ...latencyOf(latencies), perSecond: rates.toSorted((a, b) => a - b)[rates.length >> 1] ?? 0 };
}

async function transformerLatency(
  stage: Stage,
  texts: readonly string[],
  runs: number,
  onStep: () => void,
): Promise<Latency & { tokens: number; runs: number }> {
  const samples: string[] = [];
  for (let from = 0; samples.length < 8; from += 40) {
    samples.push(
      await textOf(
        TOKENS,
        stage,
        texts
          .slice(from, from + 40)
          .join(" ")
          .split(" "),
      ),
    );
  }
  const latencies: number[] = [];
  for (let run = 0; run < runs; run++) {
    const at = performance.now();
    await stage.screen(samples[run % samples.length] ?? "");
    latencies.push(performance.now() - at);
    if (run % RUNS_PER_STEP === 0) onStep();
  }
  return { ...latencyOf(latencies), tokens: TOKENS, runs };
}

/** As many of the words as make so many tokens, or just under it. The stage itself says how many it read. */
async function textOf(tokens: number, stage: Stage, words: readonly string[]): Promise<string> {
  let [fits, tooMany] = [1, words.length];
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1;
    const { evidence } = await stage.screen(words.slice(0, middle).join(" "), { evidence: 1 });
    const [, read = "0"] = /(\d+)(?: tokens)?$/.exec(evidence[0]?.text ?? "") ?? [];
    if (Number(read) + AROUND <= tokens) fits = middle;
    else tooMany = middle;
  }
  return words.slice(0, fits).join(" ");
}

function latencyOf(values: readonly number[]): Latency {
  const { p50, p99 } = percentiles(values);
  return { p50Ms: p50, p99Ms: p99 };
}
