import { detectLanguages } from "../src/languages/detect.ts";
import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { createSubprocessEngine } from "../src/subprocess/engine.ts";
import { engineContract, engineContractControl } from "../src/testing/index.ts";
import type { Engine } from "../src/types.ts";
import { QUIET_SIGNALS } from "./quiet-signals.ts";

const languages = await detectLanguages(["python", "bash", "c"]);
const bounds = { min: MIN_LIMITS, max: MAX_LIMITS };
const create = async (): Promise<Engine> => createSubprocessEngine({ languages, bounds, slots: 8, allowUnsafe: true });

const noDiskLimit = "it writes to the host's disk; only the size of each file is limited";

engineContract({
  name: "subprocess",
  create,
  promises: {
    groups: ["outcomes", "io", "spec", "cleanup"],
    because: "level none isolates nothing",
    except: {
      "outcomes.disk-exceeded-cwd": noDiskLimit,
      "outcomes.disk-exceeded-tmp": noDiskLimit,
      ...QUIET_SIGNALS,
      "outcomes.compile-reads-host": "level none isolates nothing",
    },
  },
});

engineContractControl({ name: "subprocess", create });
