import { describe, expect, it } from "vitest";
import { percentile, summarise } from "./stats.ts";

describe("percentile", () => {
  it("gives the nearest rank", () => {
    const values = [5, 1, 4, 2, 3];
    expect(percentile(values, 0.5)).toBe(3);
    expect(percentile(values, 0.99)).toBe(5);
    expect(percentile([7], 0)).toBe(7);
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });
});

describe("summarise", () => {
  it("compares within a round, so that a slow round does not change the ratio", () => {
    const series = (contender: string, ms: number) => ({
      contender,
      concurrency: 1,
      latenciesMs: [ms],
      throughputs: [1000 / ms],
    });
    const rounds = [10, 10, 40].map((bare) => [series("bare", bare), series("engine", bare * 1.5)]);
    const [bare, engine] = summarise(rounds);
    expect(bare).toMatchObject({ latencyRatio: 1, throughputRatio: 1, p50Ms: 10 });
    expect(engine?.latencyRatio).toBeCloseTo(1.5);
    expect(engine?.throughputRatio).toBeCloseTo(1 / 1.5);
    expect(engine).toMatchObject({ runs: 3, p50Ms: 15, p99Ms: 60 });
  });
});
