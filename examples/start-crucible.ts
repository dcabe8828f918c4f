import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A server of its own, on a free port and in a data directory that goes with it. */
export interface OwnCrucible extends AsyncDisposable {
  readonly url: string;
  readonly apiKey: string;
}

/** The command, for those that start it themselves. */
export const MAIN = join(import.meta.dirname, "..", "apps", "cli", "src", "main.ts");

/** Starts `crucible serve` as a child process, with these settings; it is stopped, and its data removed, when disposed. */
export async function startCrucible(settings: Readonly<Record<string, string>> = {}): Promise<OwnCrucible> {
  const dataDir = await mkdtemp(join(tmpdir(), "crucible-example-"));
  const { CRUCIBLE_API_KEY: _, ...env } = process.env;
  const child = spawn(process.execPath, [MAIN, "serve", "--json", "--port", "0", "--data-dir", dataDir], {
    env: { ...env, CRUCIBLE_LOG_LEVEL: env["CRUCIBLE_LOG_LEVEL"] ?? "warn", ...settings },
    stdio: ["ignore", "pipe", "inherit"],
    // Its own process group: Ctrl-C on a terminal reaches the example alone, which then stops it.
    detached: true,
  });
  const exited = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
    await rm(dataDir, { recursive: true, force: true });
  };
  for await (const line of createInterface({ input: child.stdout })) {
    const { url, apiKey } = JSON.parse(line) as { url: string; apiKey: string };
    return { url, apiKey, [Symbol.asyncDispose]: stop };
  }
  await stop();
  throw new Error("crucible serve ended before it listened; its message is above");
}
