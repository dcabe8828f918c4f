import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import type { Row } from "./stats.ts";

/** What was measured, and where. */
export interface Report {
  readonly date: string;
  readonly machine: string;
  readonly rows: readonly Row[];
  readonly memory: readonly { readonly what: string; readonly bytes: number }[];
  readonly targets: readonly Target[];
}

/** A published number and whether this run reached it. */
export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly measured: number;
  readonly reached: boolean;
}

/** Processor, memory, kernel and Node of this machine, one line. */
export function machine(): string {
  const distribution =
    /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "unknown distribution";
  const memoryGiB = Math.round(totalmem() / 1024 ** 3);
  return `${cpus().length} x ${cpus()[0]?.model ?? "unknown processor"}, ${memoryGiB} GiB, Linux ${release()}, ${distribution}, Node ${process.versions.node}`;
}

const find = (rows: readonly Row[], contender: string, concurrency: number): Row | undefined =>
  rows.find((row) => row.contender.startsWith(contender) && row.concurrency === concurrency);

/** The numbers that SPECIFICATION.md promises. */
export function targetsOf(rows: readonly Row[]): Target[] {
  const targets: Target[] = [];
  for (const way of ["afresh", "forked"]) {
    const engine = find(rows, `bubblewrap, ${way}`, 1);
    const http = find(rows, `HTTP, ${way}`, 4);
    if (engine === undefined || http === undefined) continue;
    const latency = engine.latencyRatio;
    const throughput = http.throughputRatio;
    targets.push(
      {
        what: `engine p50 / bare p50, concurrency 1, ${way}`,
        wanted: "<= 1.6",
        measured: latency,
        reached: latency <= 1.6,
      },
      {
        what: `HTTP throughput / bare throughput, concurrency 4, ${way}`,
        wanted: ">= 0.6",
        measured: throughput,
        reached: throughput >= 0.6,
      },
    );
  }
  return targets;
}

/** A Markdown table; all but the first column to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  return [line(header), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join("\n");
}

/** One line that says whether a promise was kept. */
export function renderTarget({ what, wanted, measured, reached }: Target): string {
  return `${reached ? "reached" : "NOT REACHED"}: ${what}: ${measured.toFixed(2)} (wanted ${wanted})`;
}

/** Markdown tables; the ratios come last. */
export function render(report: Report): string {
  const runs = table(
    ["contender", "at once", "runs", "p50 ms", "p99 ms", "runs/s"],
    report.rows.map((row) => [
      row.contender,
      String(row.concurrency),
      String(row.runs),
      row.p50Ms.toFixed(1),
      row.p99Ms.toFixed(1),
      row.runsPerSecond.toFixed(0),
    ]),
  );
  const memory = table(
    ["memory", "peak MiB"],
    report.memory.map(({ what, bytes }) => [what, (bytes / 1024 ** 2).toFixed(0)]),
  );
  const ratios = table(
    ["ratio to bare", "at once", "p50 latency", "throughput"],
    report.rows
      .filter((row) => !row.contender.startsWith("bare"))
      .map((row) => [
        row.contender,
        String(row.concurrency),
        row.latencyRatio.toFixed(2),
        row.throughputRatio.toFixed(2),
      ]),
  );
  const targets = report.targets.map(renderTarget);
  return [`${report.date}, ${report.machine}`, runs, memory, ratios, targets.join("\n")].join("\n\n");
}
