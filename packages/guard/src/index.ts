export { loadShippedModel, shippedModelPath } from "./bayes/shipped.ts";
export { type BayesStage, createBayesStage } from "./bayes/stage.ts";
export type { BayesModel, Thresholds } from "./bayes/model.ts";
export { decodeModel, encodeModel, loadModel, ModelFileError, modelHash } from "./bayes/model-file.ts";
export { loadRows, readCsv, readJsonl, readRows, type ReadItem } from "./data/read.ts";
export type { BadLine, Row } from "./data/row.ts";
export { createNormaliser, MAX_DEPTH, MAX_HIDDEN, type Normalise } from "./normalise/normalise.ts";
export { type Hidden, type Normalised, type Trick, TRICKS, type Undone } from "./normalise/types.ts";
export type { Evidence, ScreenOptions, Stage, StageScore } from "./stage.ts";
export {
  chooseThresholds,
  DEFAULT_TRAIN,
  type OnStep,
  trainBayes,
  type TrainOptions,
  type TrainReport,
} from "./train/train.ts";
export { evaluate, evaluateJudge, type EvaluateOptions, isApart, type JudgeOptions } from "./evaluate/evaluate.ts";
export { cascadeScore, decide, type Judge, type Judgement, judgePolicy, judgeStage } from "./evaluate/judge.ts";
export { reportHtml } from "./evaluate/html.ts";
export { reportTable } from "./evaluate/table.ts";
export type {
  AtThreshold,
  CalibrationBin,
  Decision,
  Interval,
  Mistake,
  Report,
  ScoredRow,
  SourceLine,
  StageReport,
} from "./evaluate/types.ts";
export { nearDuplicateGroups } from "./train/duplicates.ts";
export { dealFolds, splitRows } from "./train/split.ts";
export { type Balance } from "./train/balance.ts";
export { generate, type GeneratedRow, type GenerateOptions } from "./generator/index.ts";
export { madeRows } from "./train/made-rows.ts";
export { BAYES_POLICY, DEFAULT_POLICY, defaultPolicyPath, STAGE_NAMES } from "./policy/default.ts";
export { PolicyError, type PolicyProblem } from "./policy/errors.ts";
export { type CheckedYaml, checkYaml } from "./policy/yaml.ts";
export { loadPolicy, type ParseOptions, parsePolicy, policyHash } from "./policy/parse.ts";
export {
  type CachePolicy,
  type Fail,
  type Policy,
  type Role,
  ROLES,
  type ScreenPolicy,
  type StagePolicy,
  type WindowPolicy,
} from "./policy/types.ts";
export {
  type Breaker,
  type BreakerSettings,
  type BreakerState,
  createBreaker,
  DEFAULT_BREAKER,
  type Permit,
} from "./breaker/breaker.ts";
export { createKey } from "./cache/key.ts";
export { createMemoryCache } from "./cache/memory.ts";
export type { CacheStats, MemoryCache, VerdictCache } from "./cache/types.ts";
export { InvalidMessagesError, PipelineConfigError } from "./pipeline/errors.ts";
export { createPipeline, type Pipeline, type PipelineParts } from "./pipeline/pipeline.ts";
export type {
  Clock,
  MessageVerdict,
  Outcome,
  PlaceVerdict,
  Reason,
  StageFailure,
  StageRecord,
  TextVerdict,
  Unscreened,
  Verdict,
} from "./pipeline/types.ts";
export { createGuard } from "./guard/guard.ts";
export { type LoadedStage, loadStages } from "./guard/load-stage.ts";
export type {
  BreakerStats,
  Guard,
  GuardDescription,
  GuardEvent,
  GuardOptions,
  GuardStats,
  ModelFile,
  PoolStats,
  StageDescription,
  StageStats,
} from "./guard/types.ts";
export { DEFAULT_WEIGHTS } from "./models/choose.ts";
export { ModelStoreError, type ModelErrorCode } from "./models/errors.ts";
export type { HubRevision } from "./models/hub/describe.ts";
export { DEFAULT_ENDPOINT, DEFAULT_TIMING, type Hub, type HubTiming, openHub } from "./models/hub/hub.ts";
export { importModel, type ImportOptions } from "./models/import.ts";
export type { InstalledFile, ModelManifest, ModelSource } from "./models/manifest.ts";
export { pullModel, type Pulled, type PullEvent, type PullOptions } from "./models/pull.ts";
export { removeModel } from "./models/remove.ts";
export { type ResolvedModel, resolveModel } from "./models/resolve.ts";
export { type InstalledRevision, listModels, modelsFolder } from "./models/store.ts";
export { type Damage, findDamage } from "./models/verify.ts";
export { StageError, StageTimeoutError } from "./pipeline/errors.ts";
export { readTransformerFolder } from "./transformer/folder.ts";
export { createTransformerStage, shippedTransformerPath, type TransformerStage } from "./transformer/stage.ts";
export type { PoolSettings } from "./transformer/pool.ts";
export { TransformerError, type TransformerErrorCode } from "./transformer/errors.ts";
export type { Stack, TransformerModel, TransformerSettings } from "./transformer/types.ts";
export { canarySentence, createCanary, deriveCanary, plantCanary } from "./output/canary/canary.ts";
export { DEFAULT_OUTPUT } from "./output/policy.ts";
export { createOutputScreening } from "./output/screening.ts";
export {
  OUTPUT_CHECKS,
  type OutputAction,
  type OutputCheck,
  type OutputDecision,
  type OutputFinding,
  type OutputParts,
  type OutputPlace,
  type OutputPolicy,
  type OutputRequest,
  type OutputScreen,
  type OutputScreening,
  type OutputStep,
  type OutputVerdict,
  type ReleasedText,
  type ScreenedOutput,
} from "./output/types.ts";
export { benchGuard, type BenchOptions, benchSteps, type GuardBench } from "./bench/bench.ts";
export { benchTable, type BenchTarget, benchTargets } from "./bench/table.ts";
