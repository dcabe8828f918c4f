import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { createKeptBytes } from "./kept-bytes.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const held = (): number => {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

test("keeps the first bytes, and says which those are", () => {
  const kept = createKeptBytes(5);
  expect([...kept.add(Buffer.from("abc"))]).toEqual([97, 98, 99]);
  expect(Buffer.from(kept.add(Buffer.from("defg"))).toString()).toBe("de");
  expect(kept.add(Buffer.from("h"))).toHaveLength(0);
  expect([kept.bytes().toString(), kept.size]).toEqual(["abcde", 5]);
});

test("what comes a byte at a time takes little more memory than its bytes", () => {
  const before = held();
  const kept = createKeptBytes(1_000_000);
  for (let n = 0; n < 500_000; n += 1) kept.add(Buffer.allocUnsafeSlow(1));
  expect(held() - before).toBeLessThan(20_000_000);
  expect(kept.size).toBe(500_000);
});
