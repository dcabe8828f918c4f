import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";

/** `npm start` in a process group of its own, as a terminal or a service manager has it. */
async function npmStart(dataDir: string) {
  const child = spawn("npm", ["start"], {
    cwd: join(import.meta.dirname, ".."),
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, CRUCIBLE_PORT: "0", CRUCIBLE_DATA_DIR: dataDir, CRUCIBLE_LOG_LEVEL: "warn" },
  });
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /^ {2}address +(http:\S+)/.exec(line)?.[1];
    if (url !== undefined) return { pid: child.pid ?? 0, url, ended };
  }
  throw new Error("npm start ended before the server listened");
}

test.each([
  ["Ctrl-C at the terminal, which all of its processes get", "SIGINT", -1],
  ["SIGTERM to npm alone, as service managers send it", "SIGTERM", 1],
] as const)("npm start lets running work end after %s", async (_, signal, group) => {
  const directory = await mkdtemp(join(tmpdir(), "crucible-npm-"));
  const { pid, url, ended } = await npmStart(directory);
  const headers = {
    authorization: `Bearer ${(await readFile(join(directory, "api-key"), "utf8")).trim()}`,
    "content-type": "application/json",
  };
  const code = "import time; print('a', flush=True); time.sleep(1.5); print('b')";
  const body = JSON.stringify({ language: "python", code });
  const run = (await (await fetch(`${url}/api/v1/runs`, { method: "POST", headers, body })).json()) as { id: string };
  let events = "";
  for await (const chunk of (await fetch(`${url}/api/v1/runs/${run.id}/events`, { headers })).body ?? []) {
    // The program itself runs, and not only the run: its output says so.
    if (!events.includes("run.output") && String(Buffer.from(chunk)).includes("run.output")) {
      process.kill(group * pid, signal);
    }
    events += Buffer.from(chunk).toString();
  }
  expect(events).toMatch(/"run\.finished".*"status":"exited","exitCode":0/);
  await ended;
  await expect(fetch(`${url}/healthz`)).rejects.toThrow("fetch failed");
  await rm(directory, { recursive: true });
});
