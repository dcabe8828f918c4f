import { createBubblewrapEngine } from "./bubblewrap/engine.ts";
import { sweepCgroups } from "./cgroup/host.ts";
import { sweepScratch } from "./process/scratch.ts";
import type { EngineOptions } from "./run/engine-shell.ts";
import { createSubprocessEngine } from "./subprocess/engine.ts";
import type { Engine } from "./types.ts";

export interface EnginesOptions extends EngineOptions {
  /** The operator's CRUCIBLE_ALLOW_UNSAFE: whether `subprocess` may be used at all. */
  readonly allowUnsafe: boolean;
  /** The operator's CRUCIBLE_FORK_PYTHON: see `BubblewrapOptions.warm`. */
  readonly warm?: boolean;
}

/** Every engine there is, strongest last. Which of them work here is for `probe()` to say. */
export function createEngines(options: EnginesOptions): Engine[] {
  return [createSubprocessEngine(options), createBubblewrapEngine(options)];
}

/**
 * Ends and removes what processes that were killed in mid-run have left on the host: control groups with
 * everything inside, and temporary directories. Programs themselves end with the process that ran them.
 */
export async function sweepLeftovers(): Promise<{ readonly removed: readonly string[] }> {
  const groups = await sweepCgroups();
  return { removed: [...groups, ...sweepScratch()] };
}
