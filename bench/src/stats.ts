/** Nearest-rank percentile of unsorted values; `share` from 0 to 1. @throws RangeError for no values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError("no values");
  return value;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** What one contender did at one concurrency, over all rounds. */
export interface Series {
  readonly contender: string;
  readonly concurrency: number;
  /** Of every single run, milliseconds. */
  readonly latenciesMs: readonly number[];
  /** Runs a second, one value a round. */
  readonly throughputs: readonly number[];
}

/** One row of the table. */
export interface Row {
  readonly contender: string;
  readonly concurrency: number;
  readonly runs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly runsPerSecond: number;
  /** Median over rounds of this contender's value by the baseline's in the same round. */
  readonly latencyRatio: number;
  readonly throughputRatio: number;
}

/**
 * Ratios are taken round by round, because the machine's speed drifts: what slows a round slows both in it.
 * @param rounds each holds one series of every contender at one concurrency, the baseline's first.
 */
export function summarise(rounds: readonly (readonly Series[])[]): Row[] {
  const first = rounds[0];
  if (first === undefined) return [];
  return first.map((_, position) => {
    const own = rounds.map((round) => round[position] as Series);
    const base = rounds.map((round) => round[0] as Series);
    const latencies = own.flatMap((series) => series.latenciesMs);
    const ratio = (value: (series: Series) => number): number =>
      median(own.map((series, round) => value(series) / value(base[round] as Series)));
    return {
      contender: own[0]?.contender ?? "",
      concurrency: own[0]?.concurrency ?? 0,
      runs: latencies.length,
      p50Ms: median(latencies),
      p99Ms: percentile(latencies, 0.99),
      runsPerSecond: median(own.flatMap((series) => series.throughputs)),
      latencyRatio: ratio((series) => median(series.latenciesMs)),
      throughputRatio: ratio((series) => median(series.throughputs)),
    };
  });
}
