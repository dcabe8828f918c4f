import { Counter, Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { createQuickCounter, createQuickHistogram } from "./quick-metrics.ts";

test("prints what the metrics of prom-client print", async () => {
  const counter = { name: "calls_total", help: "Calls.", labelNames: ["of", "how"] };
  const histogram = { name: "took_seconds", help: "Time.", labelNames: ["of"], buckets: [0.1, 0.5, 1] };
  const slow = new Registry();
  const quick = new Registry();
  const slowCounter = new Counter({ ...counter, registers: [slow] });
  const slowHistogram = new Histogram({ ...histogram, registers: [slow] });
  const count = createQuickCounter(quick, counter);
  const note = createQuickHistogram(quick, histogram);
  for (const [of, how, value] of [
    ["a", "x", 1],
    ["b", 'quo"te\nline', 2],
    ["a", "x", 3],
  ] as const) {
    slowCounter.inc({ of, how }, value);
    count(value, of, how);
  }
  for (const [of, value] of [
    ["a", 0.1],
    ["a", 0.3],
    ["b", 7],
    ["a", 0],
  ] as const) {
    slowHistogram.observe({ of }, value);
    note(value, of);
  }
  expect(await quick.metrics()).toBe(await slow.metrics());
});
