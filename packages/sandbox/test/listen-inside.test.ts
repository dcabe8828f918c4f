import { fork, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readlinkSync } from "node:fs";
import type { Server } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listenInside } from "../src/process/listen-inside.ts";

const CHILD = fileURLToPath(new URL("../src/process/listen-inside-child.ts", import.meta.url));
/** Sleeps in a network namespace of its own, as a sandbox's first process does. */
let sandbox: ChildProcess;
let pid: number;

beforeAll(async () => {
  sandbox = spawn("unshare", ["-rn", "sh", "-c", "ip link set lo up 2>/dev/null; echo up; exec sleep 300"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(sandbox.stdout as NodeJS.ReadableStream, "data");
  pid = sandbox.pid as number;
});
afterAll(() => sandbox.kill("SIGKILL"));

/** Whether something listens in the namespace: state 0A of proc(5). */
const listens = (): boolean => / 0A /.test(readFileSync(`/proc/${pid}/net/tcp`, "latin1"));

test("a socket made inside listens there, and is served from here", async () => {
  const server = await listenInside(pid, 3128);
  expect(listens()).toBe(true);
  server.close();
  await expect.poll(listens).toBe(false);
});

test("a socket that arrives after the run was cancelled is closed", async () => {
  const abort = new AbortController();
  const listening = listenInside(pid, 3128, abort.signal);
  // Held up, we read the socket only after the cancelling: it has been made, and is on its way.
  while (!listens()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  abort.abort();
  await expect(listening).rejects.toThrow("aborted");
  await expect.poll(listens).toBe(false);
});

test("nothing listens in a namespace that is not the one that was asked for", async () => {
  const child = fork(CHILD, ["3128", "net:[1]"]);
  const [message, handle] = (await once(child, "message")) as [unknown, Server | undefined];
  expect(readlinkSync("/proc/self/ns/net")).not.toBe("net:[1]");
  expect([message, handle]).toEqual([{ error: "the sandbox has gone" }, undefined]);
});
