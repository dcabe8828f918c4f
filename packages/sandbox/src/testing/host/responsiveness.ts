/** Proof that the host still works while something tries to take it down. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";

/** Longest pause of this process's event loop that still counts as responsive, milliseconds. */
const MAX_PAUSE_MS = 1_500;
/** Longest start-to-end time of `/bin/true` that still counts; an idle host takes about 2 ms. */
const MAX_SPAWN_MS = 2_500;
const TICK_MS = 20;

async function timeToSpawn(): Promise<number> {
  const startedAt = performance.now();
  await new Promise<void>((resolve, reject) => {
    const child = spawn("/bin/true", [], { stdio: "ignore", env: {} });
    child.once("error", reject);
    child.once("close", () => resolve());
  });
  return performance.now() - startedAt;
}

/**
 * Does the work and measures the host all the while.
 * @throws AssertionError when processes could not be started in time, or this process stood still.
 */
export async function whileHostResponds<T>(work: () => Promise<T>): Promise<T> {
  let longestPauseMs = 0;
  let lastTick = performance.now();
  const ticker = setInterval(() => {
    const now = performance.now();
    longestPauseMs = Math.max(longestPauseMs, now - lastTick - TICK_MS);
    lastTick = now;
  }, TICK_MS);

  let working = true;
  let longestSpawnMs = 0;
  const probe = (async () => {
    while (working) {
      longestSpawnMs = Math.max(longestSpawnMs, await timeToSpawn());
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  })();

  let result: T;
  try {
    result = await work();
  } finally {
    working = false;
    clearInterval(ticker);
    await probe;
  }
  assert.ok(longestPauseMs < MAX_PAUSE_MS, `this process stood still for ${Math.round(longestPauseMs)} ms`);
  assert.ok(longestSpawnMs < MAX_SPAWN_MS, `starting /bin/true took ${Math.round(longestSpawnMs)} ms`);
  return result;
}
