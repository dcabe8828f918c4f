import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

/** The server under test: a deployed one, or one started here. */
export interface Crucible extends AsyncDisposable {
  readonly url: string;
  readonly apiKey: string;
  /** Null for a deployed server, which is not ours to stop. */
  readonly own: {
    /** Stops the process with this signal and waits until it is gone. The exit code, or null after SIGKILL. */
    stop(signal: "SIGTERM" | "SIGKILL"): Promise<number | null>;
    /** Starts it again on the same data; the address changes. */
    start(): Promise<void>;
  } | null;
}

/** Another place of the CLI, such as an installed one. */
export const CLI =
  process.env["CRUCIBLE_CLI"] ?? join(import.meta.dirname, "..", "..", "..", "apps", "cli", "src", "main.ts");

/** Uses `CRUCIBLE_URL` with `CRUCIBLE_API_KEY` where they are set; else starts a server with these settings. */
export async function openCrucible(settings: Readonly<Record<string, string>> = {}): Promise<Crucible> {
  const { CRUCIBLE_URL: url, CRUCIBLE_API_KEY: apiKey } = process.env;
  if (url !== undefined && url !== "") {
    if (apiKey === undefined) throw new Error("CRUCIBLE_URL is set: CRUCIBLE_API_KEY must be too");
    return { url: url.replace(/\/$/, ""), apiKey, own: null, async [Symbol.asyncDispose]() {} };
  }
  const dataDir = await mkdtemp(join(tmpdir(), "crucible-acceptance-"));
  let process_ = await startProcess(dataDir, settings);
  const own = {
    stop: async (signal: "SIGTERM" | "SIGKILL") => await process_.stop(signal),
    async start() {
      process_ = await startProcess(dataDir, settings);
    },
  };
  return {
    get url() {
      return process_.url;
    },
    get apiKey() {
      return process_.apiKey;
    },
    own,
    async [Symbol.asyncDispose]() {
      await own.stop("SIGTERM");
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function startProcess(dataDir: string, settings: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [CLI, "serve", "--json", "--port", "0", "--data-dir", dataDir], {
    env: { ...process.env, CRUCIBLE_LOG_LEVEL: "warn", ...settings },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit") as Promise<[number | null]>;
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return (await exited)[0];
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const { url, apiKey } = JSON.parse(line) as { url: string; apiKey: string };
    return { url, apiKey, stop };
  }
  throw new Error("crucible serve ended before it listened; its message is above");
}

/** What a call of the CLI did. */
export interface CliEnded {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Calls the CLI against the server under test. */
export async function callCli(crucible: Crucible, args: readonly string[], stdin = ""): Promise<CliEnded> {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, CRUCIBLE_URL: crucible.url, CRUCIBLE_API_KEY: crucible.apiKey },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(stdin);
  const closed = once(child, "close") as Promise<[number | null]>;
  const [[code], stdout, stderr] = await Promise.all([closed, text(child.stdout), text(child.stderr)]);
  return { code, stdout, stderr };
}
