import type { Readable } from "node:stream";

/** What the launcher said, one message a line of its protocol. */
export type LauncherMessage =
  | {
      readonly kind: "compiled" | "ran";
      readonly code: number;
      /** The shell named a signal just before. */ readonly signalled: boolean;
      readonly childCpuMs: number | null;
      /** Something else than the launcher was still running. */
      readonly processesLeft: boolean;
    }
  | { readonly kind: "checked"; readonly diskFull: boolean; readonly fileFull: boolean };

/** The line with which a launcher says that the program has left others running. */
export const LEFT = "left";

/** A program that gets hold of the descriptor can write anything: past this it is cut off. */
const STATUS_LIMIT_BYTES = 64 * 1024;

/** `0m0.01s 0m0.02s`: user and system time of the shell's children, second line of `times` (POSIX). */
function childTimes(lines: readonly string[]): number | null {
  const last = lines.findLast((line) => /^\d+m[\d.]+s \d+m[\d.]+s$/.test(line));
  if (last === undefined) return null;
  const ms = last.split(" ").map((part) => {
    const [minutes, seconds] = part.slice(0, -1).split("m");
    return (Number(minutes) * 60 + Number(seconds)) * 1000;
  });
  return ms.reduce((sum, value) => sum + value, 0);
}

const isTimes = (line: string): boolean => /^\d+m[\d.]+s /.test(line);

/** `df -P`: the fourth column is what is left, in KiB; less than a page is full. */
function isDiskFull(lines: readonly string[]): boolean {
  return lines.some((line) => {
    const columns = line.trim().split(/\s+/);
    return columns.length >= 6 && /^\d+$/.test(columns[3] ?? "") && Number(columns[3]) < 4;
  });
}

/** Parses what came since the last message; null while no message is complete. */
function parse(lines: string[]): LauncherMessage | null {
  const last = lines.at(-1) ?? "";
  const before = lines.slice(0, -1);
  const step = /^(compiled|ran) (\d{1,3})$/.exec(last);
  if (step !== null) {
    return {
      kind: step[1] === "compiled" ? "compiled" : "ran",
      code: Number(step[2]),
      signalled: before.some((line) => line !== "" && line !== LEFT && !isTimes(line)),
      childCpuMs: childTimes(before),
      processesLeft: before.includes(LEFT),
    };
  }
  if (last === "checked") {
    return { kind: "checked", diskFull: isDiskFull(before), fileFull: before.some((line) => line.startsWith("full ")) };
  }
  return null;
}

/**
 * Calls `onMessage` for each message and `onEnd` once, when the descriptor closes; `flooded` when the
 * program wrote more to it than the launcher ever would.
 * @returns ends the reading: what comes from then on is for another reader, and `onEnd` comes all the same.
 */
export function readStatus(
  stream: Readable,
  onMessage: (message: LauncherMessage) => void,
  onEnd: (flooded: boolean) => void,
): () => void {
  let rest = "";
  let received = 0;
  let lines: string[] = [];
  let flooded = false;
  const onData = (chunk: Buffer): void => {
    received += chunk.length;
    if (received > STATUS_LIMIT_BYTES) {
      flooded = true;
      stream.destroy();
      return;
    }
    const parts = (rest + chunk.toString("latin1")).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) {
      lines.push(line);
      const message = parse(lines);
      if (message === null) continue;
      lines = [];
      onMessage(message);
    }
  };
  stream.on("data", onData);
  // A child that ends early has its streams closed by Node, before anybody listens: there is no second `close`.
  if (stream.closed) onEnd(false);
  else stream.once("close", () => onEnd(flooded));
  return () => {
    stream.off("data", onData);
    stream.pause();
  };
}
