import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../apps/cli/src/main.ts", import.meta.url));

/** A real server in processes of its own, on a free port and a temporary data directory. */
export interface BenchServer extends AsyncDisposable {
  readonly url: string;
  readonly key: string;
  readonly pid: number;
  /** Highest resident memory so far of the server and of its executor, bytes. */
  peakMemoryBytes(): { readonly server: number; readonly executor: number };
}

/** `VmHWM` of a process, bytes (proc(5)); 0 when it has gone. */
function peakOf(pid: number): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kib ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}

/** @param env added to the server's environment: `DATABASE_URL` for PostgreSQL. */
export async function startBenchServer(env: Readonly<Record<string, string>> = {}): Promise<BenchServer> {
  const dataDir = mkdtempSync(join(tmpdir(), "crucible-bench-"));
  const child = spawn(process.execPath, [CLI, "serve", "--json", "--port", "0", "--data-dir", dataDir], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, CRUCIBLE_LOG_LEVEL: "warn", ...env },
  });
  const ended = once(child, "exit");
  const line = await Promise.race([
    createInterface({ input: child.stdout })[Symbol.asyncIterator]().next(),
    ended.then(() => ({ done: true, value: "" })),
  ]);
  if (line.done === true || child.pid === undefined) {
    rmSync(dataDir, { recursive: true, force: true });
    throw new Error("the server did not start; its log is above");
  }
  const { url, apiKey } = JSON.parse(line.value) as { url: string; apiKey: string };
  const { pid } = child;
  return {
    url,
    key: apiKey,
    pid,
    peakMemoryBytes: () => ({
      server: peakOf(pid),
      executor: Math.max(0, ...childrenOf(pid).map(peakOf)),
    }),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await ended;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
