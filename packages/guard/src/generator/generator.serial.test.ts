import { expect, it } from "vitest";
import { generate } from "./index.ts";

it("writes 10,000 rows in under 3 seconds of processor time", () => {
  const before = process.cpuUsage();
  let rows = 0;
  for (const row of generate({ seed: 3, attacks: 5000, benign: 5000 })) rows += row.text === "" ? 0 : 1;
  const { user, system } = process.cpuUsage(before);
  expect(rows).toBe(10_000);
  expect((user + system) / 1000).toBeLessThan(3000);
});
