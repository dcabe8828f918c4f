import type { Writable } from "node:stream";
import { formatDuration } from "../units.ts";

export interface Progress {
  /** One more is finished; `failed` when it did not do what was expected. */
  step(failed: boolean): void;
  /** One more was finished before: it counts, but says nothing about the rate. */
  skip(failed: boolean): void;
  /** Prints a line without breaking the bar. */
  note(line: string): void;
  /** Takes the bar away, or prints the last line. */
  end(): void;
}

export interface ProgressOptions {
  readonly stream: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Null when nobody counted. */
  readonly total: number | null;
  readonly quiet: boolean;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** A terminal gets at most ten bars a second; a log file gets a line every five seconds. */
const BAR_EVERY_MS = 100;
const LINE_EVERY_MS = 5000;

/** Shows how far a batch is: a bar on a terminal, plain lines anywhere else, nothing but notes when quiet. */
export function createProgress({ stream, total, quiet, now }: ProgressOptions): Progress {
  const started = now();
  const live = stream.isTTY === true && !quiet;
  let done = 0;
  let failed = 0;
  let skipped = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawnDone = -1;

  const status = (): string => statusText({ done, failed, skipped, total, elapsedMs: now() - started });
  const draw = (): void => {
    drawnAt = now();
    drawnDone = done;
    if (!live) {
      stream.write(`${status()}\n`);
      return;
    }
    const text = status();
    const room = (stream.columns ?? 80) - [...text].length - 4;
    const bar = total === null || room < 8 ? "" : `${barText(done / Math.max(total, 1), Math.min(room, 40))} `;
    stream.write(`\r${bar}${text}\u001b[K`);
  };
  const count = (isFailed: boolean): void => {
    done++;
    if (isFailed) failed++;
    if (!quiet && now() - drawnAt >= (live ? BAR_EVERY_MS : LINE_EVERY_MS)) draw();
  };
  if (live) draw();
  return {
    step: count,
    skip(isFailed) {
      skipped++;
      count(isFailed);
    },
    note(line) {
      stream.write(live ? `\r\u001b[K${line}\n` : `${line}\n`);
      if (live) draw();
    },
    end() {
      if (quiet) return;
      if (drawnDone !== done) draw();
      if (live) stream.write("\n");
    },
  };
}

/** `120/164  73%  1 failed  31.2/s  1.4 s left`. The rate is the mean since the start, of those that ran. */
export function statusText(state: {
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
  readonly total: number | null;
  readonly elapsedMs: number;
}): string {
  const { done, failed, skipped, total, elapsedMs } = state;
  const rate = elapsedMs > 0 ? ((done - skipped) * 1000) / elapsedMs : 0;
  const parts = [total === null ? `${done}` : `${done}/${total}`];
  if (total !== null) parts.push(`${Math.floor((100 * done) / Math.max(total, 1))}%`);
  if (failed > 0) parts.push(`${failed} failed`);
  parts.push(`${rate >= 10 ? rate.toFixed(0) : rate.toFixed(1)}/s`);
  if (total !== null && done < total) {
    parts.push(rate > 0 ? `${formatDuration(((total - done) * 1000) / rate)} left` : "-- left");
  } else parts.push(`in ${formatDuration(elapsedMs)}`);
  return parts.join("  ");
}

/** `[=====>    ]` with `width` places between the brackets. */
export function barText(fraction: number, width: number): string {
  const full = Math.round(Math.min(Math.max(fraction, 0), 1) * width);
  const head = full > 0 && full < width ? ">" : "";
  return `[${"=".repeat(full - head.length)}${head}${" ".repeat(width - full)}]`;
}
