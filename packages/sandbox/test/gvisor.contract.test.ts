import { expect, it } from "vitest";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createGvisorEngine } from "../src/oci/engine.ts";
import { GVISOR_EXCEPTIONS } from "../src/oci/promises.ts";
import { engineContract, PROMISES_ISOLATION } from "../src/testing/index.ts";
import type { Engine } from "../src/types.ts";
import { QUIET_SIGNALS } from "./quiet-signals.ts";

const languages = await detectLanguages(["python", "bash", "c"]);
const create = async (): Promise<Engine> =>
  createGvisorEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 8 });

engineContract({
  name: "gvisor",
  create,
  promises: { ...PROMISES_ISOLATION, except: { ...QUIET_SIGNALS, ...GVISOR_EXCEPTIONS } },
});

it("works wherever the tests' packages were installed", async (context) => {
  await using engine = await create();
  const { available, reason } = await engine.probe();
  if (!available && process.env["CI"] !== "true") return context.skip(`gvisor is not available: ${reason}`);
  expect(reason).toBeNull();
});
