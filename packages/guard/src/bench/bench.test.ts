import { expect, it } from "vitest";
import { DEFAULT_POLICY } from "../policy/default.ts";
import type { Policy } from "../policy/types.ts";
import { modelFolder } from "../transformer/testing/model-folder.ts";
import { benchGuard, benchSteps, type GuardBench } from "./bench.ts";
import { benchTable, benchTargets } from "./table.ts";

it("measures all stages of a policy, in as many steps as it says", async () => {
  await using folder = await modelFolder();
  const policy: Policy = {
    ...DEFAULT_POLICY,
    stages: [
      { name: "bayes", allowBelow: 0.001, blockAtOrAbove: 0.9, timeoutMs: 10_000, fail: "closed" },
      { name: "transformer", allowBelow: 0.4, blockAtOrAbove: 0.6, timeoutMs: 10_000, fail: "closed" },
    ],
  };
  let steps = 0;
  const options = { policy, models: { transformer: folder.path }, rounds: 1, runs: 60 };
  const bench = await benchGuard({ ...options, onStep: () => steps++ });
  expect(steps).toBe(benchSteps(options));
  expect(bench).toMatchObject({ prompts: 2_000, transformer: { tokens: 128, runs: 60 } });
  expect(bench.cascade?.pastBayes).toBeGreaterThan(0);
  expect(bench.bayes.perSecond).toBeGreaterThan(bench.cascade?.perSecond ?? 0);
  expect(bench.memory.afterBytes).toBeGreaterThan(bench.memory.beforeBytes);
  expect(benchTable(bench)).toMatch(/transformer, 128 tokens +\| +\d/);
});

it("holds a run to what is promised", () => {
  const bench: GuardBench = {
    prompts: 1,
    medianLength: 1,
    bayes: { perSecond: 9_999, p50Ms: 0.1, p99Ms: 0.1 },
    cascade: null,
    transformer: { p50Ms: 14.9, p99Ms: 20, tokens: 128, runs: 1 },
    memory: { beforeBytes: 100e6, afterBytes: 401e6 },
  };
  expect(benchTargets(bench).map(({ isReached }) => isReached)).toEqual([false, true, false]);
  expect(benchTable(bench)).toContain(
    "NOT REACHED: memory that models, thread and runtime add, MB: 301 (wanted < 300)",
  );
});
