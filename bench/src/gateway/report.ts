import { type Target, table } from "../report.ts";
import { median, percentile } from "../stats.ts";
import type { Load } from "./load.ts";

/** One contender in one round. */
export interface Measured {
  readonly alone: Load;
  readonly together: Load;
  /** Processor time of the contender's process for each request, microseconds. */
  readonly cpuUs: number;
}

/** One contender over all rounds; ratios and differences are medians of those within each round. */
export interface GatewayRow {
  readonly contender: string;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly addedP50Ms: number;
  readonly addedP99Ms: number;
  readonly perSecond: number;
  /** By the bare proxy's. */
  readonly throughputRatio: number;
  readonly cpuUs: number;
  /** By the bare proxy's: the ratio that other work on the machine disturbs least. */
  readonly cpuRatio: number;
}

/** @param rounds of each contender by name; all have the same rounds, in the same order. */
export function rowsOf(rounds: ReadonlyMap<string, readonly Measured[]>, direct: string, bare: string): GatewayRow[] {
  const of = (name: string): readonly Measured[] => rounds.get(name) ?? [];
  return [...rounds].map(([contender, own]) => {
    const latency = (share: number) => (measured: Measured) => percentile(measured.alone.latenciesMs, share);
    const within = (base: readonly Measured[], value: (mine: Measured, theirs: Measured) => number): number =>
      median(own.map((mine, round) => value(mine, base[round] ?? mine)));
    const added = (share: number) =>
      within(of(direct), (mine, theirs) => latency(share)(mine) - latency(share)(theirs));
    return {
      contender,
      requests: own.reduce(
        (sum, { alone, together }) => sum + alone.latenciesMs.length + together.latenciesMs.length,
        0,
      ),
      p50Ms: median(own.map(latency(0.5))),
      p99Ms: median(own.map(latency(0.99))),
      addedP50Ms: added(0.5),
      addedP99Ms: added(0.99),
      perSecond: median(own.map(({ together }) => together.perSecond)),
      throughputRatio: within(of(bare), (mine, theirs) => mine.together.perSecond / theirs.together.perSecond),
      cpuUs: median(own.map(({ cpuUs }) => cpuUs)),
      cpuRatio: within(of(bare), (mine, theirs) => mine.cpuUs / theirs.cpuUs),
    };
  });
}

/** Two Markdown tables. */
export function renderRows(rows: readonly GatewayRow[], concurrency: number): string {
  const ms = (value: number): string => value.toFixed(2);
  const header = [
    "contender",
    "p50 ms",
    "p99 ms",
    "added p50",
    "added p99",
    `requests/s at ${concurrency}`,
    "by bare",
    "CPU us",
    "by bare",
  ];
  return table(
    header,
    rows.map((row) => [
      row.contender,
      ms(row.p50Ms),
      ms(row.p99Ms),
      ms(row.addedP50Ms),
      ms(row.addedP99Ms),
      row.perSecond.toFixed(0),
      row.throughputRatio.toFixed(2),
      row.cpuUs.toFixed(0),
      row.cpuRatio.toFixed(1),
    ]),
  );
}

/** What SPECIFICATION.md promises of these contenders. */
export function gatewayTargets(rows: readonly GatewayRow[], names: readonly string[]): Target[] {
  return rows
    .filter(({ contender }) => names.includes(contender))
    .flatMap(({ contender, throughputRatio, addedP50Ms }) => [
      {
        what: `${contender}: throughput / bare proxy`,
        wanted: ">= 0.8",
        measured: throughputRatio,
        reached: throughputRatio >= 0.8,
      },
      { what: `${contender}: added latency p50, ms`, wanted: "< 1", measured: addedP50Ms, reached: addedP50Ms < 1 },
    ]);
}
