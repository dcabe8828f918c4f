import { expect, it } from "vitest";
import { benchGuard } from "../bench/bench.ts";
import { benchTable, benchTargets } from "../bench/table.ts";

it("keeps its promises of speed and memory with all shipped models", async () => {
  const bench = await benchGuard({ rounds: 2, runs: 200 });
  const missed = benchTargets(bench).filter(({ isReached }) => !isReached);
  expect(missed, benchTable(bench)).toEqual([]);
  expect(bench.transformer?.tokens).toBe(128);
});
