import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunRequest, type Run, type RunRequestInput } from "@crucible/contract";
import { composeServer, type ComposedServer } from "../src/compose.ts";
import { loadConfig, type Config } from "../src/config.ts";
import type { Executor } from "../src/executor/types.ts";
import { createFakeExecutor } from "./fake-executor.ts";

/** A directory of its own, removed at the end. */
export function temporaryDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "crucible-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export function testConfig(dataDir: string, env: Record<string, string> = {}): Config {
  return loadConfig({
    CRUCIBLE_DATA_DIR: dataDir,
    CRUCIBLE_PORT: "0",
    CRUCIBLE_LOG_LEVEL: "silent",
    CRUCIBLE_LEASE_MS: "1000",
    CRUCIBLE_POLL_MS: "100",
    CRUCIBLE_CONCURRENCY: "4",
    CRUCIBLE_DRAIN_MS: "2000",
    ...env,
  });
}

/** A wired server with a fake executor, its worker started. */
export async function startComposed(config: Config, executor?: Executor): Promise<ComposedServer> {
  const server = await composeServer(config, { executor: executor ?? (await createFakeExecutor()) });
  await server.worker?.start();
  return server;
}

export function request(input: Partial<RunRequestInput> = {}): RunRequest {
  return RunRequest.parse({ language: "text", code: "hello", ...input });
}

/** Waits for the end of a run, as HTTP does: by its event, then from the store. */
export async function untilFinished({ bus, reader }: Pick<ComposedServer, "bus" | "reader">, id: string): Promise<Run> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = bus.subscribe(id, ({ event }) => {
    if (event.type === "run.finished") resolve();
  });
  try {
    const now = await reader.getRun(id);
    if (now?.status === "finished") return now;
    await promise;
    return (await reader.getRun(id))!;
  } finally {
    stop();
  }
}
