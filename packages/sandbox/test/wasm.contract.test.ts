import { MAX_LIMITS, MIN_LIMITS } from "../src/limits.ts";
import { CHECK_GROUPS, CONTRACT_CHECKS, engineContract } from "../src/testing/index.ts";
import type { Engine } from "../src/types.ts";
import { createWasmEngine } from "../src/wasm/engine.ts";
import { notPromisedByWasm } from "../src/wasm/promises.ts";

let isFirst = true;
/** The engine that the checks share has run Python before: some measure the time of a run, and the first loads for long. */
const create = async (): Promise<Engine> => {
  const engine = createWasmEngine({ bounds: { min: MIN_LIMITS, max: MAX_LIMITS }, slots: 8 });
  if (isFirst) await engine.run({ language: "python", files: [{ path: "main.py", content: new Uint8Array() }] });
  isFirst = false;
  return engine;
};

const except = Object.fromEntries(
  CONTRACT_CHECKS.flatMap(({ id }) => {
    const reason = notPromisedByWasm(id);
    return reason === null ? [] : [[id, reason]];
  }),
);

engineContract({ name: "wasm", create, promises: { groups: CHECK_GROUPS, because: "", except } });
