import type { GuardBench } from "./bench.ts";

/** A number that the guard promises, and what this machine reached. */
export interface BenchTarget {
  readonly what: string;
  readonly wanted: string;
  readonly measured: string;
  readonly isReached: boolean;
}

const MB = 1_000_000;

/** The promises that a run can be held to. */
export function benchTargets({ bayes, transformer, memory }: GuardBench): BenchTarget[] {
  const addedMb = (memory.afterBytes - memory.beforeBytes) / MB;
  const targets = [
    target("Bayes, screenings a second on one core", bayes.perSecond, ">= 10000", bayes.perSecond >= 10_000, 0),
  ];
  if (transformer !== null) {
    const what = `transformer, p50 for ${transformer.tokens} tokens on one core, ms`;
    targets.push(target(what, transformer.p50Ms, "< 15", transformer.p50Ms < 15, 2));
  }
  targets.push(target("memory that models, thread and runtime add, MB", addedMb, "< 300", addedMb < 300, 0));
  return targets;
}

function target(what: string, measured: number, wanted: string, isReached: boolean, digits: number): BenchTarget {
  return { what, wanted, measured: measured.toFixed(digits), isReached };
}

/** As text for a terminal. */
export function benchTable(bench: GuardBench): string {
  const { prompts, medianLength, bayes, cascade, transformer, memory } = bench;
  const row = (name: string, { p50Ms, p99Ms }: { p50Ms: number; p99Ms: number }, rate: string): string =>
    `| ${name.padEnd(30)} | ${us(p50Ms)} | ${us(p99Ms)} | ${rate.padStart(10)} |`;
  const lines = [
    `${prompts} prompts, 5% attacks, median ${medianLength} characters, one after the other, no cache;`,
    "latencies are elapsed time, rates are per second of processor time",
    "",
    "| what                           |     p50 |     p99 | per core s |",
    "| ------------------------------ | ------: | ------: | ---------: |",
    row("Bayes", bayes, bayes.perSecond.toFixed(0)),
  ];
  if (cascade !== null) {
    const name = `all stages, ${(cascade.pastBayes * 100).toFixed(1)}% past Bayes`;
    lines.push(row(name, cascade, cascade.perSecond.toFixed(0)));
  }
  if (transformer !== null) {
    lines.push(row(`transformer, ${transformer.tokens} tokens`, transformer, (1_000 / transformer.p50Ms).toFixed(0)));
  }
  const mb = (bytes: number): string => (bytes / MB).toFixed(0);
  lines.push(
    "",
    `resident memory: ${mb(memory.beforeBytes)} MB before, ${mb(memory.afterBytes)} MB with all models in use`,
  );
  for (const { what, measured, wanted, isReached } of benchTargets(bench)) {
    lines.push(`${isReached ? "reached" : "NOT REACHED"}: ${what}: ${measured} (wanted ${wanted})`);
  }
  return `${lines.join("\n")}\n`;
}

const us = (ms: number): string => (ms < 1 ? `${(ms * 1_000).toFixed(0)} us` : `${ms.toFixed(2)} ms`).padStart(7);
