import { describe, expect, it } from "vitest";
import { TransformerError } from "./errors.ts";
import { type Lane, startLane } from "./lane.ts";
import { createPool, type Pool, type PoolSettings } from "./pool.ts";
import type { UnrulySettings } from "./testing/unruly-worker.ts";
import type { TransformerSettings } from "./types.ts";

const URL_OF_UNRULY = new URL("testing/unruly-worker.ts", import.meta.url);

/** A pool whose threads do what the text says, and the lanes it started. */
async function unruly(settings: Partial<PoolSettings> = {}, onnxFile = "model.onnx", loadMs = 10_000) {
  const lanes: Lane[] = [];
  const release = new SharedArrayBuffer(4);
  const about = { release } satisfies UnrulySettings as unknown as TransformerSettings;
  const reasons: string[] = [];
  const start = (): Lane => {
    const lane = startLane(URL_OF_UNRULY, { folder: "/nowhere", onnxFile, settings: about }, loadMs);
    lanes.push(lane);
    return lane;
  };
  const onReplaced = (reason: string): void => void reasons.push(reason);
  const pool = await createPool(start, "/nowhere", { workers: 1, graceMs: 50, onReplaced, ...settings });
  const letGo = (): void => {
    Atomics.store(new Int32Array(release), 0, 1);
    Atomics.notify(new Int32Array(release), 0);
  };
  const dispose = async (): Promise<void> => {
    letGo();
    await pool.close();
  };
  return { pool, lanes, reasons, letGo, [Symbol.asyncDispose]: dispose };
}
const codeOf = async (pool: Pool, text: string, timeoutMs = 10_000): Promise<string> =>
  await pool.score(text, { timeoutMs }).then(
    () => "ok",
    (error: unknown) => (error instanceof TransformerError ? error.code : "no code"),
  );

describe("a pool of threads", () => {
  it("starts a new thread for one that crashed, and gives up a text that crashes two", async () => {
    await using used = await unruly();
    for (const text of ["crash", "exit"]) {
      expect(await codeOf(used.pool, text)).toBe("worker_lost");
      expect(await codeOf(used.pool, "fine")).toBe("ok");
    }
    expect(used.pool.stats()).toMatchObject({ workers: 1, replaced: 4, busy: 0, queued: 0 });
    expect(used.reasons).toEqual([
      "it crashed: segments are at fault",
      "it crashed: segments are at fault",
      "it ended",
      "it ended",
    ]);
  });

  it("reads again, alone, what was in a batch with a text that crashed its thread", async () => {
    await using used = await unruly();
    const texts = ["busy", "one", "crash", "two", "three"];
    const codes = await Promise.all(texts.map(async (text) => await codeOf(used.pool, text)));
    expect(codes).toEqual(["ok", "ok", "worker_lost", "ok", "ok"]);
    expect(used.pool.stats().replaced).toBe(2);
  });

  it("ends a thread that hangs and starts another", async () => {
    await using used = await unruly();
    const before = performance.now();
    expect(await codeOf(used.pool, "hang", 50)).toBe("worker_lost");
    expect(performance.now() - before).toBeLessThan(5_000);
    await used.lanes[0]?.ended;
    expect(await codeOf(used.pool, "fine")).toBe("ok");
    expect(used.reasons).toContain("it hung");
  });

  it("does not end a thread inside ONNX Runtime: another takes its place, and it goes when it is out", async () => {
    await using used = await unruly();
    expect(await codeOf(used.pool, "hang inside", 50)).toBe("worker_lost");
    expect(await codeOf(used.pool, "fine")).toBe("ok");
    expect(await Promise.race([used.lanes[0]?.ended, Promise.resolve("still there")])).toBe("still there");
    used.letGo();
    expect(await used.lanes[0]?.ended).toBe("it ended");
  });

  it("has no more than so many threads that cannot be ended, and refuses at once then", async () => {
    await using used = await unruly();
    const hang = async (): Promise<string> => await codeOf(used.pool, "hang inside", 20);
    // The second thread needs longer to start than a text has here.
    const codes = [await hang(), await codeOf(used.pool, "fine"), await hang()];
    expect(codes).toEqual(["worker_lost", "ok", "worker_lost"]);
    expect(used.pool.stats().workers).toBe(0);
    expect(await codeOf(used.pool, "fine")).toBe("worker_lost");
    // A thread that came out after all leaves room for another.
    used.letGo();
    await used.lanes[0]?.ended;
    expect(await codeOf(used.pool, "fine")).toBe("ok");
    expect(used.lanes.length).toBeGreaterThan(2);
  });

  it("tells a short text that was late although it hardly waited from one that had to wait", async () => {
    await using used = await unruly({ graceMs: 2_000 });
    const slow = codeOf(used.pool, "hang inside 200", 100);
    const waited = codeOf(used.pool, "fine", 100);
    expect([await slow, await waited]).toEqual(["slow", "late"]);
  });

  it("forgets a text whose caller goes while it waits", async () => {
    await using used = await unruly({ graceMs: 2_000 });
    const slow = codeOf(used.pool, "hang inside 200", 1_000);
    const controller = new AbortController();
    const waiting = used.pool.score("fine", { timeoutMs: 1_000, signal: controller.signal });
    controller.abort(new Error("client left"));
    await expect(waiting).rejects.toThrow("client left");
    expect(used.pool.stats().queued).toBe(0);
    await slow;
  });

  it("cannot be made of threads that die while they start", async () => {
    await expect(unruly({}, "dies")).rejects.toThrow("/nowhere/dies: it ended");
  });

  it.each(["hangs", "hangs inside 500"])("cannot be made of threads that never have loaded: %s", async (onnxFile) => {
    const before = performance.now();
    await expect(unruly({}, onnxFile, 300)).rejects.toThrow(`/nowhere/${onnxFile}: it was not loaded within 300 ms`);
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it("gives up a later thread that never has loaded, and starts another", async () => {
    await using used = await unruly({}, "hangs later", 1_000);
    expect(await codeOf(used.pool, "crash", 1)).toBe("worker_lost");
    await expect.poll(() => used.lanes.length, { timeout: 8_000 }).toBeGreaterThan(2);
    expect(used.reasons).toContain("it was not loaded within 1000 ms");
  });
});
