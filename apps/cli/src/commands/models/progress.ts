import type { Writable } from "node:stream";
import { barText } from "../../batch/progress.ts";
import { formatBytes, formatDuration } from "../../units.ts";

/** Shows how many bytes of a download are there. */
export interface ByteProgress {
  start(totalBytes: number): void;
  /** So much of this file is there; less than before when it starts anew. */
  file(path: string, receivedBytes: number): void;
  note(line: string): void;
  end(): void;
}

/** A terminal gets at most ten bars a second; a log file gets a line every five seconds. */
const BAR_EVERY_MS = 100;
const LINE_EVERY_MS = 5000;

/** A bar on a terminal, plain lines anywhere else, nothing but notes when quiet. */
export function createByteProgress({
  stream,
  quiet,
  now,
}: {
  readonly stream: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly quiet: boolean;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}): ByteProgress {
  const live = stream.isTTY === true && !quiet;
  const files = new Map<string, number>();
  let total = 0;
  let fromBefore = 0;
  let startedAt = 0;
  let drawnAt = 0;
  let open = false;

  const draw = (): void => {
    drawnAt = now();
    const done = [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
    const rate = (done - fromBefore) / Math.max(0.001, (now() - startedAt) / 1000);
    const left = rate > 0 ? formatDuration(((total - done) / rate) * 1000) : "--";
    const share = total === 0 ? 1 : done / total;
    const text = `${formatBytes(done)} of ${formatBytes(total)}  ${Math.floor(share * 100)}%  ${formatBytes(Math.round(rate))}/s  ${left} left`;
    if (!live) {
      stream.write(`${text}\n`);
      return;
    }
    const room = (stream.columns ?? 80) - text.length - 4;
    stream.write(`\r${room < 8 ? "" : `${barText(share, Math.min(room, 40))} `}${text}\u001b[K`);
  };
  return {
    start(bytes) {
      total = bytes;
      startedAt = now();
      drawnAt = startedAt;
      open = true;
      if (live) draw();
    },
    file(path, bytes) {
      // What an earlier command has fetched says nothing about the rate.
      if (!files.has(path)) fromBefore += bytes;
      files.set(path, bytes);
      if (!quiet && now() - drawnAt >= (live ? BAR_EVERY_MS : LINE_EVERY_MS)) draw();
    },
    note(line) {
      stream.write(`${line}\n`);
    },
    end() {
      if (!open) return;
      open = false;
      if (!live) return;
      draw();
      stream.write("\n");
    },
  };
}
