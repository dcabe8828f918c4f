import type { Duplex } from "node:stream";

/** The lines of a socket, to one listener at a time; what comes while nobody listens is dropped. */
export interface Lines {
  onLine(listener: ((line: string) => void) | null): void;
  /** The next line; null when `ended` comes first, or nothing within the deadline. */
  next(ended: Promise<void>, deadlineMs: number): Promise<string | null>;
}

/** A program has no way to the socket; were it otherwise, it could fill no more than this. */
const MOST_REST_BYTES = 4096;

export function createLines(socket: Duplex): Lines {
  let rest = "";
  let listener: ((line: string) => void) | null = null;
  socket.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString("latin1")).split("\n");
    rest = (parts.pop() ?? "").slice(0, MOST_REST_BYTES);
    for (const line of parts) listener?.(line);
  });
  const onLine: Lines["onLine"] = (next) => (listener = next);
  return {
    onLine,
    next: (ended, deadlineMs) =>
      new Promise((resolve) => {
        const finish = (line: string | null): void => {
          clearTimeout(late);
          onLine(null);
          resolve(line);
        };
        const late = setTimeout(() => finish(null), deadlineMs);
        onLine(finish);
        void ended.then(() => finish(null));
      }),
  };
}
