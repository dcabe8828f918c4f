import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Run, RunRequestInput } from "@crucible/contract";

export const CHILD_KEY = "crucible_test_key_0123456789";

/** A server in a process of its own. */
export interface ChildServer {
  readonly url: string;
  /** The default engine, or null where none can be used. */
  readonly engine: string | null;
  /** Sends SIGKILL and waits until the process is gone. */
  kill(): Promise<void>;
  /** Sends SIGTERM and gives the exit code. */
  terminate(): Promise<number | null>;
  submit(run: RunRequestInput, wait?: boolean): Promise<Run>;
  getRun(id: string): Promise<Run>;
}

/** A process that is on its way to be a server. */
export interface Launched {
  readonly listening: Promise<ChildServer>;
  /** Sends SIGKILL and waits until the process is gone. */
  kill(): Promise<void>;
}

/** Starts `server-child.ts` and waits until it listens. */
export function startChildServer(
  dataDir: string,
  env: Record<string, string> = {},
  engines: "fake" | "real" = "fake",
): Promise<ChildServer> {
  return launchChildServer(dataDir, env, engines).listening;
}

/** Starts `server-child.ts`. */
export function launchChildServer(dataDir: string, env: Record<string, string>, engines: "fake" | "real"): Launched {
  const program = fileURLToPath(new URL("./server-child.ts", import.meta.url));
  const child = spawn(process.execPath, [program, engines], {
    env: {
      PATH: process.env["PATH"],
      CRUCIBLE_DATA_DIR: dataDir,
      CRUCIBLE_PORT: "0",
      CRUCIBLE_API_KEY: CHILD_KEY,
      CRUCIBLE_LOG_LEVEL: "error",
      CRUCIBLE_LEASE_MS: "1000",
      CRUCIBLE_POLL_MS: "100",
      CRUCIBLE_CONCURRENCY: "4",
      // Crashes in a row may hit the same run again and again; that is another test.
      CRUCIBLE_MAX_ATTEMPTS: "100",
      ...env,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit") as Promise<[number | null]>;
  const call = async (url: string, path: string, init: RequestInit = {}): Promise<Run> => {
    const response = await fetch(url + path, {
      ...init,
      headers: { authorization: `Bearer ${CHILD_KEY}`, "content-type": "application/json" },
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as Run;
  };
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    return (await exited)[0];
  };
  const kill = async (): Promise<void> => {
    await end("SIGKILL");
  };
  const listen = async (): Promise<ChildServer> => {
    const { url, engine } = await Promise.race([
      once(createInterface({ input: child.stdout }), "line").then(
        ([line]) => JSON.parse(String(line)) as { url: string; engine: string | null },
      ),
      exited.then(([code]) => Promise.reject(new Error(`the server ended with ${code} before it listened`))),
    ]);
    return {
      url,
      engine,
      kill,
      terminate: () => end("SIGTERM"),
      submit: (run, wait = false) =>
        call(url, `/api/v1/runs${wait ? "?wait=true" : ""}`, { method: "POST", body: JSON.stringify(run) }),
      getRun: (id) => call(url, `/api/v1/runs/${id}`),
    };
  };
  const listening = listen();
  // Whoever kills it before it listens does not wait for that.
  listening.catch(() => {});
  return { listening, kill };
}
