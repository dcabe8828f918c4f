import { type ChildProcess, type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { startBenchServer } from "../server.ts";
import type { Target } from "./load.ts";

/** A process that answers chat requests. */
export interface Running extends Target, AsyncDisposable {
  readonly pid: number;
}

const scriptPath = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Starts a script of ours that prints its port. */
export async function startScript(name: string, ...args: readonly string[]): Promise<Running> {
  const child = spawn(process.execPath, [scriptPath(name), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const port = Number(await lineOf(child, /^\d+$/));
  return { port, headers: {}, pid: child.pid ?? 0, [Symbol.asyncDispose]: async () => await end(child) };
}

/** The first line on standard output that matches. Rejects when the process ends before. */
async function lineOf(child: ChildProcessByStdio<null, Readable, null>, pattern: RegExp): Promise<string> {
  for await (const line of createInterface({ input: child.stdout })) {
    if (!pattern.test(line)) continue;
    child.stdout.resume();
    return line;
  }
  throw new Error(`${child.spawnargs[1]} ended before it listened`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** Bayes alone, with the shipped thresholds: the transformer is measured by itself. */
const POLICY = (thresholds: { allowBelow: number; blockFrom: number }): string =>
  `version: 1\nstages:\n  - name: bayes\n    allowBelow: ${thresholds.allowBelow}\n    blockAtOrAbove: ${thresholds.blockFrom}\n`;

/** Our gateway as an operator starts it, with the stub as its only upstream. */
export async function startCrucible(
  upstream: number,
  thresholds: { allowBelow: number; blockFrom: number },
): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), "crucible-bench-gateway-"));
  const config = join(folder, "gateway.yaml");
  const policy = join(folder, "policy.yaml");
  const url = `http://127.0.0.1:${upstream}/v1`;
  writeFileSync(
    config,
    `version: 1\nstub: false\nupstreams:\n  - name: bench\n    baseUrl: ${url}\n    models: [stub]\n`,
  );
  writeFileSync(policy, POLICY(thresholds));
  const env = { CRUCIBLE_ROLES: "gateway", CRUCIBLE_GATEWAY_CONFIG: config, CRUCIBLE_GUARD_POLICY: policy };
  const server = await startBenchServer(env);
  return {
    port: Number(new URL(server.url).port),
    headers: { authorization: `Bearer ${server.key}` },
    pid: server.pid,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Portkey listens on all addresses and has no option for it: here it gets loopback alone. */
const LOOPBACK_ONLY = `data:text/javascript,${encodeURIComponent(
  `import { Server } from "node:net";
const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
  return listen.call(this, { port, host: "127.0.0.1" }, rest.find((one) => typeof one === "function"));
};`,
)}`;

/** The npm package `@portkey-ai/gateway`, told by its headers to pass requests to the stub. */
export async function startPortkey(upstream: number): Promise<Running & { readonly version: string }> {
  const main = fileURLToPath(import.meta.resolve("@portkey-ai/gateway/build/start-server.js"));
  const { version } = JSON.parse(readFileSync(join(main, "../../package.json"), "utf8")) as { version: string };
  const port = await freePort();
  const child = spawn(process.execPath, ["--import", LOOPBACK_ONLY, main, "--headless", `--port=${port}`], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_ENV: "production" },
  });
  await lineOf(child, /Ready for connections/);
  return {
    port,
    headers: {
      authorization: "Bearer unused",
      "x-portkey-provider": "openai",
      "x-portkey-custom-host": `http://127.0.0.1:${upstream}/v1`,
    },
    pid: child.pid ?? 0,
    version,
    [Symbol.asyncDispose]: async () => await end(child),
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Processor time that a process has used, milliseconds (proc(5): clock ticks of 10 ms). */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
