import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";

const MAIN = join(import.meta.dirname, "..", "src", "main.ts");

/** The command while it runs. */
export interface Running {
  readonly pid: number;
  /** Resolves when this text has appeared on standard output. */
  sees(text: string): Promise<void>;
  /** Standard output so far. */
  seen(): string;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** The command after it ran; output is bytes, and also text. */
export interface Ended {
  readonly code: number | null;
  readonly bytes: Buffer;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Null leaves standard input open and empty. */
  readonly stdin?: string | Buffer | null;
  readonly cwd?: string;
}

/** Starts `crucible` with these arguments; it knows of no server but those in `env`. */
export function start(args: readonly string[], { env = {}, stdin = "", cwd }: StartOptions = {}): Running {
  const { CRUCIBLE_URL: _, CRUCIBLE_API_KEY: __, CRUCIBLE_DATA_DIR: ___, ...inherited } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...inherited, ...env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(cwd === undefined ? {} : { cwd }),
  });
  child.stdin.on("error", () => {
    // It may end without reading all of its input.
  });
  if (stdin !== null) child.stdin.end(stdin);
  const closed = once(child, "close") as Promise<[number | null]>;
  const ended = Promise.all([closed, buffer(child.stdout), buffer(child.stderr)]).then(([[code], bytes, stderr]) => ({
    code,
    bytes,
    stdout: bytes.toString(),
    stderr: stderr.toString(),
  }));
  let seen = "";
  child.stdout.on("data", (chunk: Buffer) => (seen += chunk.toString("latin1")));
  return {
    pid: child.pid ?? 0,
    ended,
    kill: (signal) => void child.kill(signal),
    seen: () => seen,
    sees: async (text) =>
      await new Promise<void>((resolve, reject) => {
        const look = (): void => {
          if (seen.includes(text)) resolve();
        };
        child.stdout.on("data", look);
        child.once("close", () =>
          reject(new Error(`ended before ${JSON.stringify(text)}; saw ${JSON.stringify(seen)}`)),
        );
        look();
      }),
  };
}

/** Runs `crucible` to its end. */
export const crucible = async (args: readonly string[], options?: StartOptions): Promise<Ended> =>
  await start(args, options).ended;
