import { createBubblewrapEngine } from "./bubblewrap/engine.ts";
import { sweepCgroups, sweepRuntimeGroups } from "./cgroup/host.ts";
import { createDockerEngine } from "./docker/engine.ts";
import type { DockerSettings } from "./docker/settings.ts";
import { CONTAINER_PREFIX } from "./oci/container.ts";
import { createCrunEngine, createGvisorEngine, createRuncEngine } from "./oci/engine.ts";
import { sweepScratch } from "./process/scratch.ts";
import type { EngineOptions } from "./run/engine-shell.ts";
import { createSubprocessEngine } from "./subprocess/engine.ts";
import { ISOLATION_LEVELS } from "./types.ts";
import type { Engine, IsolationLevel } from "./types.ts";
import { createWasmEngine } from "./wasm/engine.ts";

export interface EnginesOptions extends EngineOptions {
  /** The operator's CRUCIBLE_ALLOW_UNSAFE: whether `subprocess` may be used at all. */
  readonly allowUnsafe: boolean;
  /** The operator's CRUCIBLE_FORK_PYTHON: see `BubblewrapOptions.warm`. */
  readonly warm?: boolean;
  /** The operator's CRUCIBLE_POOL: see `OciOptions.pool`. */
  readonly pool?: number;
  /** The operator's CRUCIBLE_OCI_ROOTFS: see `OciOptions.rootfs`. */
  readonly ociRootfs?: string | undefined;
  /** Where engines keep what is costly to make and can be made again: see `WasmOptions.cacheDir`. */
  readonly cacheDir?: string | undefined;
  /** The operator's CRUCIBLE_DOCKER_HOST and what goes with it; without it the engine `docker` is not available. */
  readonly docker?: DockerSettings | undefined;
}

/** Every engine there is, strongest last. Which of them work here is for `probe()` to say. */
export function createEngines(options: EnginesOptions): Engine[] {
  const { ociRootfs } = options;
  const oci = { ...options, ...(ociRootfs === undefined ? {} : { rootfs: ociRootfs }) };
  return [
    createSubprocessEngine(options),
    createWasmEngine(options),
    createBubblewrapEngine(options),
    createRuncEngine(oci),
    createCrunEngine(oci),
    createDockerEngine({ ...options, docker: options.docker }),
    createGvisorEngine(oci),
  ];
}

/** Starting a program takes 15 ms, 30 ms, 30 ms, and 150 ms with gVisor. */
const QUICKEST_FIRST = ["bubblewrap", "runc", "crun", "gvisor"];

/**
 * Engines in the order in which a request that names none should get them: first those that isolate with the
 * kernel's own means or more, the quickest of them first, then what else there is, strongest first. Who wants more
 * than the quickest asks for it, by request or with CRUCIBLE_MIN_ISOLATION.
 */
export function byPreference<T extends { readonly isolation: IsolationLevel }>(
  engines: readonly T[],
  nameOf: (engine: T) => string,
): T[] {
  const place = (engine: T): number => {
    const known = QUICKEST_FIRST.indexOf(nameOf(engine));
    return known === -1 ? 2 * QUICKEST_FIRST.length - ISOLATION_LEVELS.indexOf(engine.isolation) / 10 : known;
  };
  return engines.toSorted((a, b) => place(a) - place(b));
}

/**
 * Ends and removes what processes that were killed in mid-run have left on the host: control groups with
 * everything inside, runtimes' own groups, and temporary directories. Programs themselves end with the process
 * that ran them.
 */
export async function sweepLeftovers(): Promise<{ readonly removed: readonly string[] }> {
  const groups = await sweepCgroups();
  const others = await sweepRuntimeGroups(CONTAINER_PREFIX);
  return { removed: [...groups, ...others, ...sweepScratch()] };
}
