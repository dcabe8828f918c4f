import type { TransformerSettings } from "./types.ts";

/**
 * Log-odds of an attack from the logits of one window. With softmax the attack labels against the others, as
 * `logsumexp(attacks) - logsumexp(others)`, which for two labels is their difference; with sigmoid the highest attack
 * label. Not a number when a logit is none.
 */
export function attackLogit(
  logits: ArrayLike<number>,
  { attacks, activation, labels }: Pick<TransformerSettings, "attacks" | "activation" | "labels">,
): number {
  const all = labels.map((_, i) => logits[i] ?? Number.NaN);
  if (!all.every((logit) => Number.isFinite(logit))) return Number.NaN;
  const of = (isAttack: boolean): number[] => all.filter((_, i) => attacks.includes(i) === isAttack);
  return activation === "sigmoid" ? Math.max(...of(true)) : logSumExp(of(true)) - logSumExp(of(false));
}

/** Probability of log-odds. */
export const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

/** Log-odds of a probability; those of 0 and 1 are as far out as a calibrated model can mean. */
export function logitOf(probability: number): number {
  const inside = Math.min(Math.max(probability, 1e-6), 1 - 1e-6);
  return Math.log(inside / (1 - inside));
}

function logSumExp(values: readonly number[]): number {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
}
