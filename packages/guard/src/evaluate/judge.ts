import type { Thresholds } from "../bayes/model.ts";
import { createPipeline } from "../pipeline/pipeline.ts";
import type { StageRecord } from "../pipeline/types.ts";
import type { Policy } from "../policy/types.ts";
import type { Evidence, Stage } from "../stage.ts";
import { PipelineConfigError, StageError } from "../pipeline/errors.ts";
import type { Decision } from "./types.ts";

/** What a judge says about one text. */
export interface Judgement {
  /** Orders texts from harmless to attack over all stages; see `cascadeScore`. */
  readonly score: number;
  /** Of the stage that decided. */
  readonly probability: number;
  readonly decision: Decision;
  readonly stage: string;
  readonly evidence: readonly Evidence[];
  readonly perStage: readonly StageRecord[];
}

/** One stage of what is measured, with the thresholds of its probability. */
export interface JudgeStage {
  readonly name: string;
  readonly version: string;
  readonly thresholds: Thresholds;
}

/** What is measured: a stage or a whole cascade. */
export interface Judge {
  /** Such as `bayes`, or `bayes, transformer`. */
  readonly name: string;
  readonly version: string;
  /** Of the score. */
  readonly thresholds: Thresholds;
  readonly stages: readonly JudgeStage[];
  /** Rejects with `StageError` when a stage gave no probability: a report must not hide that. */
  judge(text: string, evidence: number): Promise<Judgement>;
}

/** What the thresholds make of a probability. */
export function decide(probability: number, { allowBelow, blockFrom }: Thresholds): Decision {
  if (probability >= blockFrom) return "block";
  return probability < allowBelow ? "allow" : "flag";
}

/** Measures one stage by itself: its probability is the score. */
export function judgeStage(stage: Stage, thresholds: Thresholds, now: () => number): Judge {
  const { name, version } = stage;
  return {
    name,
    version,
    thresholds,
    stages: [{ name, version, thresholds }],
    judge: async (text, evidence) => {
      const before = now();
      const { probability, evidence: found } = await stage.screen(text, { evidence });
      const perStage = [{ stage: name, probability, latencyMs: now() - before }];
      const decision = decide(probability, thresholds);
      return { score: probability, probability, decision, stage: name, evidence: found, perStage };
    },
  };
}

/** Nobody waits for an evaluation: only what hangs is late. */
const TIMEOUT_MS = 120_000;

/** Measures a policy's stages as the pipeline runs them, windows included, without cache. */
export function judgePolicy(policy: Policy, stages: readonly Stage[], now: () => number): Judge {
  const patient = policy.stages.map((stage) => ({ ...stage, timeoutMs: TIMEOUT_MS, fail: "closed" as const }));
  const cache = { ...policy.cache, maxEntries: 0 };
  const pipelineOf = (evidence: number) =>
    createPipeline({ policy: { ...policy, stages: patient, cache, evidence }, stages, clock: { now } });
  const plain = pipelineOf(0);
  const used = policy.stages.map(({ name, allowBelow, blockAtOrAbove }) => {
    const version = stages.find((stage) => stage.name === name)?.version ?? "";
    return { name, version, thresholds: { allowBelow, blockFrom: blockAtOrAbove } };
  });
  const last = used.at(-1);
  if (last === undefined) throw new PipelineConfigError("the policy names no stage", "name at least one");
  return {
    name: used.map(({ name }) => name).join(", "),
    version: used.map(({ version }) => version).join(", "),
    thresholds: {
      allowBelow: cascadeScore(used, last.name, last.thresholds.allowBelow),
      blockFrom: cascadeScore(used, last.name, last.thresholds.blockFrom),
    },
    stages: used,
    judge: async (text, evidence) => {
      const verdict = await (evidence === 0 ? plain : pipelineOf(evidence)).screen(text);
      const { decision, stage, probability, failures, perStage } = verdict;
      if (decision === "error" || stage === null || probability === null) {
        throw new StageError(
          failures[0]?.reason ?? "stage_threw",
          failures[0]?.message ?? "there is nothing to screen",
        );
      }
      const score = cascadeScore(used, stage, probability);
      return { score, probability, decision, stage, evidence: verdict.evidence, perStage };
    },
  };
}

/**
 * One number that orders texts over all stages. What the first stage decides keeps its probability. What it leaves open
 * lies between its two thresholds, in the order of the next stage's probabilities: `allowBelow + (blockFrom -
 * allowBelow) * probability`, and so on inward. So a text that an earlier stage allows is below every text it left
 * open, one that it blocks above, and raising or lowering one threshold on this number is what moving the thresholds of
 * the stages does. It is no probability: calibration is measured on the probability of the stage that decided.
 */
export function cascadeScore(
  stages: readonly Pick<JudgeStage, "name" | "thresholds">[],
  decidedBy: string,
  probability: number,
): number {
  let low = 0;
  let width = 1;
  for (const { name, thresholds } of stages) {
    if (name === decidedBy) break;
    low += width * thresholds.allowBelow;
    width *= thresholds.blockFrom - thresholds.allowBelow;
  }
  return low + width * probability;
}
