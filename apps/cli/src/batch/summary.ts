import type { OutcomeStatus } from "@crucible/contract";
import { table } from "../table.ts";
import { formatDuration } from "../units.ts";
import type { Verdict } from "./results.ts";

/** What a batch came to. `passed`, `failed` and `unchecked` together are all that ran. */
export interface Summary {
  readonly total: number;
  readonly passed: number;
  readonly failed: number;
  /** Nothing was expected of them. */
  readonly unchecked: number;
  /** Lines that are no run request. */
  readonly bad: number;
  /** Taken from `--out`, not run again. */
  readonly resumed: number;
  readonly byStatus: Readonly<Partial<Record<OutcomeStatus, number>>>;
  readonly wallMs: number;
}

/** Adds up as results come in. */
export function createTally(): {
  add(verdict: Verdict, resumed: boolean): void;
  addBad(): void;
  summary(wallMs: number): Summary;
} {
  const byStatus: Partial<Record<OutcomeStatus, number>> = {};
  const counts = { passed: 0, failed: 0, unchecked: 0, bad: 0, resumed: 0 };
  return {
    add({ passed, status }, resumed) {
      byStatus[status] = (byStatus[status] ?? 0) + 1;
      if (resumed) counts.resumed++;
      if (passed === null) counts.unchecked++;
      else if (passed) counts.passed++;
      else counts.failed++;
    },
    addBad() {
      counts.bad++;
    },
    summary: (wallMs) => ({
      total: counts.passed + counts.failed + counts.unchecked,
      ...counts,
      byStatus: { ...byStatus },
      wallMs,
    }),
  };
}

/** The table at the end of a batch. */
export function summaryText(summary: Summary): string {
  const rows = Object.entries(summary.byStatus)
    .sort(([, a], [, b]) => b - a)
    .map(([status, count]) => [status, String(count)]);
  const parts = [`${summary.total} runs`];
  if (summary.passed + summary.failed > 0) parts.push(`${summary.passed} as expected`, `${summary.failed} not`);
  if (summary.unchecked > 0 && summary.passed + summary.failed > 0)
    parts.push(`${summary.unchecked} with no expectation`);
  if (summary.resumed > 0) parts.push(`${summary.resumed} from before`);
  if (summary.bad > 0) parts.push(`${summary.bad} bad lines`);
  parts.push(formatDuration(summary.wallMs));
  return `${rows.length === 0 ? "" : table(["status", "runs"], rows)}${parts.join(", ")}\n`;
}
