import { expect, it } from "vitest";
import { loadShippedModel } from "./shipped.ts";
import { createBayesStage } from "./stage.ts";

const stage = createBayesStage(await loadShippedModel());
const PROSE =
  "Could you help me plan a dinner for eight people next Friday? Two of them don't eat meat, one is allergic to nuts, " +
  "and I only have a small oven and about $120 to spend. I'd like a starter, a main dish and a dessert. ";

/** Processor time, not elapsed: other programs on the machine must not decide. */
function cpuUsPerCall(calls: number, call: () => void): number {
  const before = process.cpuUsage();
  for (let i = 0; i < calls; i++) call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

it("scores a prompt of 1,000 characters in under 100 microseconds", () => {
  const prompt = PROSE.repeat(5).slice(0, 1_000);
  const rounds = Array.from({ length: 8 }, () => cpuUsPerCall(1_000, () => stage.screen(prompt)));
  expect(Math.min(...rounds)).toBeLessThan(100);
});

it("takes time in proportion to the length, also for a megabyte", () => {
  const short = PROSE.repeat(60);
  const long = PROSE.repeat(4_800);
  for (let i = 0; i < 20; i++) stage.screen(short);
  const shortUs = Math.min(...[1, 2, 3].map(() => cpuUsPerCall(20, () => stage.screen(short))));
  const longUs = Math.min(...[1, 2, 3].map(() => cpuUsPerCall(1, () => stage.screen(long))));
  // Eighty times the text; twice as much again for caches and the garbage collector.
  expect(longUs / shortUs).toBeLessThan(160);
});
