import { fork } from "node:child_process";
import { existsSync, readlinkSync } from "node:fs";
import type { Server } from "node:net";
import { fileURLToPath } from "node:url";

const MODULE = fileURLToPath(new URL("listen-inside-child.ts", import.meta.url));
const NSENTER = ["/usr/bin/nsenter", "/bin/nsenter"];
const DEADLINE_MS = 10_000;

/** nsenter(1) of util-linux; null where the host has none. */
export function findNsenter(): string | null {
  return NSENTER.find((path) => existsSync(path)) ?? null;
}

/**
 * A TCP socket that listens on the loopback of another process's network namespace, served from here.
 * @param pid a process in that namespace that the caller keeps from being reaped.
 * @throws Error when the namespace is our own, or cannot be entered.
 */
export async function listenInside(pid: number, port: number, signal?: AbortSignal): Promise<Server> {
  const nsenter = findNsenter();
  if (nsenter === null) throw new Error("nsenter (util-linux) is not installed");
  const own = readlinkSync("/proc/self/ns/net");
  const wanted = readlinkSync(`/proc/${pid}/ns/net`);
  if (wanted === own) throw new Error("the sandbox has no network namespace of its own");
  // Without root the sandbox's user namespace is entered first: it is ours, so that gives the right to its network.
  const user = process.getuid?.() === 0 ? [] : ["--user", "--preserve-credentials"];
  const child = fork(MODULE, [String(port), wanted], {
    execPath: nsenter,
    execArgv: [...user, "--net", "--target", String(pid), "--", process.execPath],
    env: {},
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const { promise, resolve, reject } = Promise.withResolvers<Server>();
  const late = setTimeout(() => reject(new Error(`no socket within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  const onAbort = (): void => reject(new Error("aborted"));
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  child.on("error", reject);
  child.once("exit", (code) => reject(new Error(`nsenter ended with exit code ${code}`)));
  let isOver = false;
  child.once("message", (message, handle) => {
    if (handle === undefined) reject(new Error((message as { error?: string }).error ?? "no socket"));
    // Nobody waits any longer: kept, it would listen and hold the namespace for as long as we live.
    else if (isOver) (handle as Server).close();
    else resolve(handle as Server);
  });
  try {
    return await promise;
  } finally {
    isOver = true;
    clearTimeout(late);
    signal?.removeEventListener("abort", onAbort);
    child.kill("SIGKILL");
  }
}
