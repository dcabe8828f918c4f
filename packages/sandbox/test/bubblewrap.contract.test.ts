import { createBubblewrapEngine } from "../src/bubblewrap/engine.ts";
import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { engineContract, PROMISES_ISOLATION } from "../src/testing/index.ts";

const languages = await detectLanguages(["python", "bash", "c"]);

engineContract({
  name: "bubblewrap",
  create: async () => createBubblewrapEngine({ languages, bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 8 }),
  promises: PROMISES_ISOLATION,
});
