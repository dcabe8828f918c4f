import type { Engine } from "@crucible/sandbox";
import { proveAtStart } from "@crucible/sandbox/selfcheck";
import type { Log } from "../log.ts";

/** Resolves when an engine has shown what it promises; rejects with what broke. */
export type ProveEngine = (engine: Engine) => Promise<void>;

/** Runs the start checks of an engine, and says in the log what they could not decide. */
export function createProof(log: Log): ProveEngine {
  return async (engine) => {
    const startedAt = performance.now();
    const results = await proveAtStart(engine);
    const undecided = results.filter(({ status }) => status !== "passed").map(({ id, detail }) => `${id}: ${detail}`);
    const ms = Math.round(performance.now() - startedAt);
    const passed = results.length - undecided.length;
    if (undecided.length > 0)
      log.warn({ engine: engine.name, undecided, passed, ms }, "start checks without a verdict");
    else log.info({ engine: engine.name, passed, ms }, "start checks passed");
  };
}

/** Proves each engine once; what it found holds for as long as this process lives. */
export function provingOnce(prove: ProveEngine): ProveEngine {
  const proofs = new Map<string, Promise<void>>();
  return (engine) => {
    const known = proofs.get(engine.name);
    if (known !== undefined) return known;
    const proof = prove(engine);
    // Who asks later is told: until then a failure is not unhandled.
    proof.catch(() => undefined);
    proofs.set(engine.name, proof);
    return proof;
  };
}
