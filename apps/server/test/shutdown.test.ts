import { readFileSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { startChildServer } from "./child-server.ts";
import { temporaryDirectory } from "./server-fixture.ts";

const sleeping = (sleepMs: number) => ({ language: "text", code: JSON.stringify({ sleepMs, stdout: "ZG9uZQ==" }) });

test("SIGTERM lets running work end, answers who waits for it, and exits with 0", async () => {
  using directory = temporaryDirectory();
  const server = await startChildServer(directory.path, { CRUCIBLE_DRAIN_MS: "10000" });
  const waiting = server.submit(sleeping(1_000), true);
  const running = await server.submit(sleeping(1_000));
  while ((await server.getRun(running.id)).status !== "running") await delay(5);
  const ended = server.terminate();
  expect(await waiting).toMatchObject({ status: "finished", outcome: { status: "exited", stdout: "done" } });
  expect(await ended).toBe(0);
});

test("SIGTERM gives back what does not end in time, and the next server runs it", async () => {
  using directory = temporaryDirectory();
  const first = await startChildServer(directory.path, { CRUCIBLE_DRAIN_MS: "100" });
  const run = await first.submit(sleeping(1_500));
  while ((await first.getRun(run.id)).status !== "running") await delay(5);
  expect(await first.terminate()).toBe(0);
  const second = await startChildServer(directory.path);
  while ((await second.getRun(run.id)).status !== "finished") await delay(20);
  expect(await second.getRun(run.id)).toMatchObject({ attempt: 2, outcome: { stdout: "done" } });
  expect(await second.terminate()).toBe(0);
});

test("the generated key is kept for its owner alone and opens the server", async () => {
  using directory = temporaryDirectory();
  const server = await startChildServer(directory.path, { CRUCIBLE_API_KEY: "" });
  const file = `${directory.path}/api-key`;
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const key = readFileSync(file, "utf8").trim();
  const answer = (authorization: string) => fetch(`${server.url}/api/v1/languages`, { headers: { authorization } });
  expect((await answer(`Bearer ${key}`)).status).toBe(200);
  expect((await answer("Bearer crucible_wrong")).status).toBe(401);
  await server.terminate();
});
