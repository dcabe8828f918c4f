import { expect, test } from "vitest";
import { createBatch } from "./batch.ts";

test("a call alone goes at once, calls during a batch share the next", async () => {
  const batches: number[][] = [];
  const gates: (() => void)[] = [];
  const call = createBatch<number, number>(async (items) => {
    batches.push([...items]);
    await new Promise<void>((resolve) => gates.push(resolve));
    return items.map((item) => item * 10);
  }, 3);
  const first = call(1);
  await Promise.resolve();
  const rest = [2, 3, 4, 5].map((item) => call(item));
  for (let open = 0; open < 3; open += 1) {
    while (gates.length <= open) await Promise.resolve();
    gates[open]?.();
  }
  expect(await Promise.all([first, ...rest])).toEqual([10, 20, 30, 40, 50]);
  expect(batches).toEqual([[1], [2, 3, 4], [5]]);
});

test("a failure reaches every caller of its batch, and the next batch goes on", async () => {
  let fail = true;
  const call = createBatch<number, number>(async (items) => {
    if (fail) throw new Error("lost");
    return items;
  }, 10);
  const results = await Promise.allSettled([call(1), call(2)]);
  expect(results.map((result) => result.status)).toEqual(["rejected", "rejected"]);
  fail = false;
  expect(await call(3)).toBe(3);
});
