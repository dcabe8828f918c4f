import type { Readable, Writable } from "node:stream";

/** All that the CLI touches of the outside, so that tests can give their own. */
export interface Io {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Calls `listener` at SIGINT, SIGTERM and SIGHUP; gives the function that stops it. */
  onInterrupt(listener: (signal: NodeJS.Signals) => void): () => void;
}

/** The process's own. */
export function processIo(): Io {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    onInterrupt(listener) {
      const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
  };
}

/** Writes all of it and waits until the kernel has it. A reader that went away is no error here: the command decides. */
export async function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  if (data.length === 0) return;
  await new Promise<void>((resolve) => {
    stream.write(data, () => {
      resolve();
    });
  });
}

/** Ctrl-C below `npm run` comes twice: from the terminal to all, and once more from npm. Milliseconds. */
const ECHO_MS = 500;

/** An abort signal that fires at the first Ctrl-C; at the second the process ends at once. */
export function interruptible(io: Io): { readonly signal: AbortSignal; [Symbol.dispose](): void } {
  const controller = new AbortController();
  let stoppedAt = 0;
  const stop = io.onInterrupt((name) => {
    if (controller.signal.aborted) {
      if (performance.now() - stoppedAt < ECHO_MS) return;
      // Engines kill what they started when this process goes (die-with-parent), so an impatient exit leaves nothing.
      process.exit(130);
    }
    stoppedAt = performance.now();
    controller.abort(new Error(`stopped by ${name}`));
  });
  return { signal: controller.signal, [Symbol.dispose]: stop };
}

const STDIN_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Everything on standard input until it ends; nothing when it is a terminal, because then nobody piped anything.
 * @throws RangeError above 64 MiB.
 */
export async function readStdin(io: Io): Promise<Buffer> {
  if (io.stdin.isTTY === true) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of io.stdin as AsyncIterable<Buffer | string>) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    total += bytes.length;
    if (total > STDIN_MAX_BYTES) throw new RangeError(`standard input is over ${STDIN_MAX_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
