import { dirname, resolve } from "node:path";
import {
  BAYES_POLICY,
  DEFAULT_POLICY,
  type GuardOptions,
  loadPolicy,
  ModelFileError,
  ModelStoreError,
  type Policy,
  STAGE_NAMES,
} from "@crucible/guard";
import { dataDirectory } from "../../backend/keys.ts";
import type { Io } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { type ModelOptions, openModel } from "./model.ts";

/** What every guard command takes to choose the stages that are asked, and their models and thresholds. */
export interface PolicyOptions extends ModelOptions {
  readonly policy?: string;
  readonly bayesOnly?: boolean;
  readonly transformer?: string;
}

/** A policy, and what is needed to load its stages. */
export interface Chosen {
  readonly policy: Policy;
  readonly options: GuardOptions;
}

/**
 * The policy that was named; the default one; or with `--bayes-only`, a model of one's own or thresholds, which belong
 * to one filter, the default one with the Bayes stage alone.
 */
export async function choosePolicy(io: Io, options: PolicyOptions): Promise<Chosen> {
  const { policy: path, bayesOnly = false, transformer, model, allowBelow, blockFrom } = options;
  const where = { dataDir: dataDirectory(io), workers: 1, cache: null };
  const isOwn = model !== undefined || allowBelow !== undefined || blockFrom !== undefined;
  if (path !== undefined) {
    if (allowBelow !== undefined || blockFrom !== undefined) {
      throw new CliProblem("--policy and thresholds at once", "write the thresholds into the policy, or leave it out");
    }
    if (bayesOnly || model !== undefined || transformer !== undefined) {
      throw new CliProblem("--policy and the choice of stages at once", "write stages and models into the policy");
    }
    const policy = await loadPolicy(resolve(io.cwd, path), { file: path, stageNames: STAGE_NAMES });
    return { policy, options: { ...where, policy, baseDir: dirname(resolve(io.cwd, path)) } };
  }
  if (transformer !== undefined && (bayesOnly || isOwn)) {
    throw new CliProblem("--transformer without the default policy", "write both stages into a policy");
  }
  const only = bayesOnly || isOwn ? await bayesAlone(io, options) : null;
  if (only !== null) return { policy: only.policy, options: { ...where, ...only } };
  const stages = DEFAULT_POLICY.stages.map((stage) =>
    stage.name === "transformer" && transformer !== undefined ? { ...stage, model: transformer } : stage,
  );
  const policy = { ...DEFAULT_POLICY, stages };
  return { policy, options: { ...where, policy, baseDir: io.cwd } };
}

/** The Bayes stage with the thresholds that belong to its model, to use or to compare with. */
export async function bayesAlone(
  io: Io,
  options: ModelOptions,
): Promise<{ readonly policy: Policy; readonly models: { readonly bayes?: string } }> {
  const { thresholds } = await openModel(io, options);
  const { allowBelow, blockFrom: blockAtOrAbove } = thresholds;
  const stages = BAYES_POLICY.stages.map((stage) => ({ ...stage, allowBelow, blockAtOrAbove }));
  const models = options.model === undefined ? {} : { bayes: resolve(io.cwd, options.model) };
  return { policy: { ...BAYES_POLICY, stages }, models };
}

/** Runs what loads models; what is wrong with one is told with what to do next. */
export async function loading<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (cause instanceof ModelFileError || cause instanceof ModelStoreError) {
      throw new CliProblem(cause.message, cause.fix, { cause });
    }
    throw cause;
  }
}
