import { setTimeout as delay } from "node:timers/promises";
import type { Contender } from "./contenders.ts";
import type { Series } from "./stats.ts";

export interface Plan {
  readonly rounds: number;
  /** Of each contender in each round at each concurrency. */
  readonly runsPerRound: number;
  readonly concurrencies: readonly number[];
  /** Of each contender before anything is measured, at the highest concurrency. Default: 80. */
  readonly warmUpRuns?: number;
}

/** Runs one contender `count` times, `concurrency` at once. */
async function series(contender: Contender, concurrency: number, count: number): Promise<Series> {
  const latenciesMs: number[] = [];
  let left = count;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (left > 0) {
        left -= 1;
        if (concurrency === 1 && contender.pauseMs !== undefined) await delay(contender.pauseMs);
        const at = performance.now();
        await contender.run();
        latenciesMs.push(performance.now() - at);
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  return { contender: contender.name, concurrency, latenciesMs, throughputs: [count / seconds] };
}

/**
 * Takes the contenders in turn, round after round, so that a drift of the machine touches all alike.
 * @returns rounds by concurrency; in each, the contenders in their given order.
 */
export async function measure(
  contenders: readonly Contender[],
  plan: Plan,
  onRound: (done: number, all: number) => void,
): Promise<Series[][][]> {
  const most = Math.max(...plan.concurrencies);
  for (const contender of contenders) await series(contender, most, contender.warmUpRuns ?? plan.warmUpRuns ?? 80);
  const results: Series[][][] = [];
  const all = plan.concurrencies.length * plan.rounds;
  for (const [position, concurrency] of plan.concurrencies.entries()) {
    const rounds: Series[][] = [];
    for (let round = 0; round < plan.rounds; round += 1) {
      const row: Series[] = [];
      for (const contender of contenders) row.push(await series(contender, concurrency, plan.runsPerRound));
      rounds.push(row);
      onRound(position * plan.rounds + round + 1, all);
    }
    results.push(rounds);
  }
  return results;
}
