import { expect, it } from "vitest";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createGvisorEngine } from "../src/oci/engine.ts";
import { GVISOR_EXCEPTIONS } from "../src/oci/promises.ts";
import { engineContract, PROMISES_ISOLATION } from "../src/testing/index.ts";
import type { Engine } from "../src/types.ts";
import { QUIET_SIGNALS } from "./quiet-signals.ts";

const languages = await detectLanguages(["python", "bash", "c"]);
const createWith = (pool: number) => async (): Promise<Engine> =>
  createGvisorEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 8, pool });
const create = createWith(0);
const except = { ...QUIET_SIGNALS, ...GVISOR_EXCEPTIONS };

const BESIDE_A_POOL = {
  "tenancy.output-not-left": "its programs are no Python: they are started as above",
  // pooled-python.test.ts looks at one alone.
  "cleanup.after-close": "the pool of the engine beside it makes new sandboxes while the check looks",
};

engineContract({ name: "gvisor", create, promises: { ...PROMISES_ISOLATION, except } });
// The pool changes how Python is started, not what is around it; gVisor takes half a second for a check.
engineContract({
  name: "gvisor, Python from a pool",
  create: createWith(4),
  checksAtOnce: 1,
  promises: {
    groups: ["processes", "secrets", "tenancy", "cleanup"],
    because: "what is around the program is held above, and is the same with the pool",
    except: { ...except, ...BESIDE_A_POOL },
  },
});

it("works wherever the tests' packages were installed", async (context) => {
  await using engine = await create();
  const { available, reason } = await engine.probe();
  if (!available && process.env["CI"] !== "true") return context.skip(`gvisor is not available: ${reason}`);
  expect(reason).toBeNull();
});
