import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { createHashText } from "./row.ts";

test.each([
  ["k", ""],
  ["key", "text"],
  [new Uint8Array(32).fill(7), "größer 😀"],
  ["x".repeat(64), "a".repeat(1000)],
  ["x".repeat(65), "longer than a block"],
])("hashes as HMAC-SHA256 does (%#)", (key, text) => {
  const hash = createHashText(key);
  const right = createHmac("sha256", key).update(text).digest("hex");
  expect([hash(text), hash("another"), hash(text)]).toEqual([
    right,
    createHmac("sha256", key).update("another").digest("hex"),
    right,
  ]);
});
