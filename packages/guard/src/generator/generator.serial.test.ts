import { expect, it } from "vitest";
import { generate } from "./index.ts";

it("writes 10,000 rows in under 3 seconds", () => {
  const started = performance.now();
  let rows = 0;
  for (const row of generate({ seed: 3, attacks: 5000, benign: 5000 })) rows += row.text === "" ? 0 : 1;
  expect(rows).toBe(10_000);
  expect(performance.now() - started).toBeLessThan(3000);
});
