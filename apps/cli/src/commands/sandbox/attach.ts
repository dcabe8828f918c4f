import type { ReadStream, WriteStream } from "node:tty";
import type { Io } from "../../io.ts";
import { write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";

/** Rows and columns of a terminal. */
export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** A terminal inside a sandbox, here or on a server. */
export interface FarTerminal<End> {
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>;
  resize(size: Size): void;
  kill(): void;
  readonly ended: Promise<End>;
}

const SIZE: Size = { rows: 24, columns: 80 };

/** The terminal that this program runs on. @throws CliProblem where there is none. */
export function ownTerminal(io: Io): { readonly stdin: ReadStream; readonly stdout: WriteStream } {
  if (io.stdin.isTTY !== true || io.stdout.isTTY !== true)
    throw new CliProblem("a shell wants a terminal, and this is none", "for one program use: crucible exec -- PROGRAM");
  return { stdin: io.stdin as ReadStream, stdout: io.stdout as WriteStream };
}

/**
 * Joins this terminal to one inside until that has ended, and gives its end.
 * @param open is given what writes output here, and resolves when that has been written.
 */
export async function attach<End>(
  io: Io,
  open: (size: Size, onOutput: (bytes: Uint8Array) => Promise<void>) => Promise<FarTerminal<End>>,
): Promise<End> {
  const { stdin, stdout } = ownTerminal(io);
  const size = (): Size => ({ rows: stdout.rows || SIZE.rows, columns: stdout.columns || SIZE.columns });
  const first = size();
  const terminal = await open(first, (bytes) => write(stdout, bytes));
  const onInput = (bytes: Buffer): void => {
    stdin.pause();
    // What cannot be written any more has lost its terminal: that ends by itself.
    void terminal
      .write(bytes)
      .catch(() => undefined)
      .then(() => isOver || stdin.resume());
  };
  let isOver = false;
  const onResize = (): void => terminal.resize(size());
  const stop = io.onInterrupt(() => terminal.kill());
  stdin.setRawMode(true);
  stdin.on("data", onInput);
  stdout.on("resize", onResize);
  // Of what happened while it was opened nobody was told.
  const now = size();
  if (now.rows !== first.rows || now.columns !== first.columns) onResize();
  try {
    return await terminal.ended;
  } finally {
    isOver = true;
    stop();
    stdin.setRawMode(false);
    stdin.off("data", onInput);
    stdin.pause();
    stdout.off("resize", onResize);
  }
}
