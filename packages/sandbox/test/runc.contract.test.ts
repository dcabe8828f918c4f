import { expect, it } from "vitest";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createRuncEngine } from "../src/oci/engine.ts";
import { engineContract, PROMISES_ISOLATION } from "../src/testing/index.ts";
import type { Engine } from "../src/types.ts";
import { QUIET_SIGNALS } from "./quiet-signals.ts";

const languages = await detectLanguages(["python", "bash", "c"]);
const createWith = (pool: number) => async (): Promise<Engine> =>
  createRuncEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 8, pool });
const create = createWith(0);
const promises = { ...PROMISES_ISOLATION, except: QUIET_SIGNALS };

const BESIDE_A_POOL = {
  "tenancy.output-not-left": "its programs are no Python: they are started as above",
  // pooled-python.test.ts looks at one alone.
  "cleanup.after-close": "the pool of the engine beside it makes new sandboxes while the check looks",
};

engineContract({ name: "runc", create, promises });
engineContract({
  name: "runc, Python from a pool",
  create: createWith(8),
  checksAtOnce: 1,
  promises: {
    groups: ["io", "processes", "secrets", "tenancy", "cleanup"],
    because: "what is around the program, and its limits, are held above, and are the same with the pool",
    except: { ...QUIET_SIGNALS, ...BESIDE_A_POOL },
  },
});

it("works wherever the tests' packages were installed", async (context) => {
  await using engine = await create();
  const { available, reason } = await engine.probe();
  if (!available && process.env["CI"] !== "true") return context.skip(`runc is not available: ${reason}`);
  expect(reason).toBeNull();
});
