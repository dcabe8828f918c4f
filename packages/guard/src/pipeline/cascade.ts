import type { StagePolicy } from "../policy/types.ts";
import type { Evidence, Stage } from "../stage.ts";
import { ask } from "./ask.ts";
import type { Clock, StageFailure, StageRecord, TextVerdict } from "./types.ts";

/** A stage with what the policy says of it. */
export interface Step {
  readonly stage: Stage;
  readonly policy: StagePolicy;
}

/** What a cascade needs beside the text. */
export interface Run {
  /** Milliseconds that each stage has left for this screening, by name; the cascade takes off what it used. */
  readonly leftMs: Map<string, number>;
  readonly signal: AbortSignal | undefined;
}

/** Asks the stages in order until one decides. Rejects only with the abort reason of the run. */
export type Cascade = (text: string, run: Run) => Promise<TextVerdict>;

/**
 * Composes stages. Below its first threshold a stage allows, from its second on it blocks, between them the next one is
 * asked. A stage that fails ends the cascade where its policy is `closed`; where it is `open` the next one is asked.
 */
export function createCascade(steps: readonly Step[], evidence: number, clock: Clock): Cascade {
  return async (text, run) => {
    const perStage: StageRecord[] = [];
    const failures: StageFailure[] = [];
    let last: TextVerdict | null = null;
    for (const { stage, policy } of steps) {
      const { name: stageName, allowBelow, blockAtOrAbove, timeoutMs, fail } = policy;
      const left = run.leftMs.get(stageName) ?? timeoutMs;
      const earlier = [...perStage];
      const question = { text, evidence, evidenceFrom: allowBelow, earlier, timeoutMs: left, signal: run.signal };
      const answer = await ask(stage, question, clock);
      run.leftMs.set(stageName, left - answer.latencyMs);
      const probability = answer.score?.probability ?? null;
      perStage.push({ stage: stageName, probability, latencyMs: answer.latencyMs });
      const base = { stage: stageName, probability, failures, perStage };
      if (answer.score === null) {
        const { reason, message } = answer;
        failures.push({ stage: stageName, reason, message, fail });
        last = { ...base, decision: "error", admitted: fail === "open", reason, evidence: [] };
        if (fail === "closed") return last;
        continue;
      }
      if (answer.score.probability < allowBelow) {
        return { ...base, decision: "allow", admitted: true, reason: "below_allow", evidence: [] };
      }
      // What earlier stages found stays: a transformer has no words to name.
      const found: readonly Evidence[] = [...answer.score.evidence, ...(last?.evidence ?? [])].slice(0, evidence);
      if (answer.score.probability >= blockAtOrAbove) {
        return { ...base, decision: "block", admitted: false, reason: "at_or_above_block", evidence: found };
      }
      last = { ...base, decision: "flag", admitted: true, reason: "between_thresholds", evidence: found };
    }
    if (last === null) throw new RangeError("a cascade needs a stage");
    return last;
  };
}
