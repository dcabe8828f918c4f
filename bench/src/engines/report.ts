import { machine, renderTarget, table, type Target } from "../report.ts";
import type { Row } from "../stats.ts";
import type { EngineContender } from "./contenders.ts";

/** One way to run the program: what it costs, and what it gives. */
export interface EngineRow {
  readonly contender: string;
  readonly level: string;
  readonly oneAtATime: Row;
  readonly fourAtOnce: Row;
  /** What the last outcome says of its program, bytes (of a prepared one: what it added); null where nobody measures it. */
  readonly runBytes: number | null;
  /** Of one prepared sandbox that waits, bytes; null where nothing waits. */
  readonly idleBytes: number | null;
}

export interface EngineReport {
  readonly date: string;
  readonly machine: string;
  readonly rows: readonly EngineRow[];
  /** Engines that do not work here, with the reason. */
  readonly missing: Readonly<Record<string, string>>;
  readonly targets: readonly Target[];
}

const WANTED: readonly (readonly [string, "latencyRatio" | "throughputRatio", number])[] = [
  ["bubblewrap, forked", "latencyRatio", 0.35],
  ["bubblewrap, forked", "throughputRatio", 1.5],
  ["gvisor, prepared", "latencyRatio", 1.5],
];

function targetsOf(rows: readonly EngineRow[]): Target[] {
  return WANTED.flatMap(([name, ratio, bound]) => {
    const row = rows.find(({ contender }) => contender === name);
    if (row === undefined) return [];
    const isLatency = ratio === "latencyRatio";
    const measured = isLatency ? row.oneAtATime.latencyRatio : row.fourAtOnce.throughputRatio;
    return [
      {
        what: `${name}: ${isLatency ? "p50 / bare p50, one at a time" : "throughput / bare throughput, four at once"}`,
        wanted: `${isLatency ? "<=" : ">="} ${bound}`,
        measured,
        reached: isLatency ? measured <= bound : measured >= bound,
      },
    ];
  });
}

/** Puts together what was measured. @param rows one at a time first, then four at once. */
export function enginesReport(
  rows: readonly Row[],
  engines: readonly EngineContender[],
  idle: ReadonlyMap<string, number | null>,
  missing: ReadonlyMap<string, string>,
): EngineReport {
  const joined = rows
    .filter(({ concurrency }) => concurrency === 1)
    .flatMap((oneAtATime): EngineRow[] => {
      const { contender } = oneAtATime;
      const fourAtOnce = rows.find((row) => row.contender === contender && row.concurrency !== 1);
      if (fourAtOnce === undefined) return [];
      const engine = engines.find(({ name }) => name === contender);
      const runBytes = engine?.peakMemoryBytes() ?? null;
      const level = engine?.isolation ?? (contender.startsWith("docker") ? "container" : "none");
      return [{ contender, level, oneAtATime, fourAtOnce, runBytes, idleBytes: idle.get(contender) ?? null }];
    });
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    rows: joined,
    missing: Object.fromEntries(missing),
    targets: targetsOf(joined),
  };
}

const mebibytes = (bytes: number | null): string => (bytes === null ? "" : (bytes / 1024 ** 2).toFixed(0));

/** Markdown: the table, what is missing, and what was wanted. */
export function renderEngines({ date, machine: where, rows, missing, targets }: EngineReport): string {
  const header = [
    ...["contender", "level", "p50 ms", "p99 ms", "p50 / bare", "runs/s, 4 at once", "runs/s / bare"],
    ...["peak memory in the outcome, MiB", "memory of one that waits, MiB"],
  ];
  const body = rows.map(({ contender, level, oneAtATime, fourAtOnce, runBytes, idleBytes }) => [
    ...[contender, level, oneAtATime.p50Ms.toFixed(1), oneAtATime.p99Ms.toFixed(1), oneAtATime.latencyRatio.toFixed(2)],
    ...[fourAtOnce.runsPerSecond.toFixed(1), fourAtOnce.throughputRatio.toFixed(2)],
    ...[mebibytes(runBytes), mebibytes(idleBytes)],
  ]);
  const absent = Object.entries(missing).map(([engine, reason]) => `not measured: ${engine}: ${reason}`);
  return [`${date}, ${where}`, table(header, body), absent.join("\n"), targets.map(renderTarget).join("\n")]
    .filter((part) => part !== "")
    .join("\n\n");
}
