import { expect, it } from "vitest";
import { loadShippedModel } from "../bayes/shipped.ts";
import { createBayesStage } from "../bayes/stage.ts";
import { generate } from "../generator/index.ts";
import { BAYES_POLICY } from "../policy/default.ts";
import { createPipeline } from "./pipeline.ts";

const stages = [createBayesStage(await loadShippedModel())];

it("screens at least 10,000 typical prompts a second on one core", async () => {
  const texts = Array.from(generate({ seed: 3, attacks: 50, benign: 950 }), ({ text }) => text);
  const pipeline = createPipeline({ policy: BAYES_POLICY, stages });
  const perSecond: number[] = [];
  for (let round = 0; round < 8; round++) {
    // Processor time, not elapsed: other programs on the machine must not decide.
    const before = process.cpuUsage();
    for (const content of texts) await pipeline.screen([{ role: "user", content }]);
    const { user, system } = process.cpuUsage(before);
    perSecond.push((texts.length * 1e6) / (user + system));
  }
  expect(Math.max(...perSecond)).toBeGreaterThan(10_000);
});

it("ends soon after a stage's time, however long the text is", async () => {
  const [stage] = BAYES_POLICY.stages;
  if (stage === undefined) throw new Error("no stage");
  const policy = { ...BAYES_POLICY, stages: [{ ...stage, allowBelow: 1, blockAtOrAbove: 1, timeoutMs: 50 }] };
  const start = performance.now();
  const verdict = await createPipeline({ policy, stages }).screen("The cat sat on the mat. ".repeat(2_000_000));
  const elapsedMs = performance.now() - start;
  expect(verdict).toMatchObject({ decision: "error", reason: "stage_timeout", admitted: false });
  // 48 million characters take seconds; the rest of the 50 ms is for the machine's other work.
  expect(elapsedMs).toBeLessThan(1_000);
});
