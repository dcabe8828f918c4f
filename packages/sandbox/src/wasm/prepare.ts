import { chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { openCgroups } from "../cgroup/host.ts";
import type { CgroupHost, RunGroup } from "../cgroup/types.ts";
import { EngineUnavailableError } from "../errors.ts";
import { MAX_SLOTS, slotUid } from "../bubblewrap/uids.ts";
import { inheritedDescriptors } from "../process/inherited.ts";
import { isReachableByAll, openScratch, scratchPlaces } from "../process/scratch.ts";
import { runTool } from "../process/spawn.ts";
import type { EngineOptions } from "../run/engine-shell.ts";
import { bootstrapUrl, DEATH_WRAPPER } from "./command.ts";
import type { Runtime } from "./command.ts";
import { createPythonImage } from "./python-image.ts";
import type { PythonImage } from "./python-image.ts";
import { usageReader } from "./polled-group.ts";
import type { UsageReader } from "./polled-group.ts";
import { createSnapshotStore } from "./snapshot-store.ts";
import { findTools, NAME } from "./tools.ts";
import type { WasmTools } from "./tools.ts";

export interface WasmOptions extends Omit<EngineOptions, "languages"> {
  /** Default: the binary of the npm package for this platform. */
  readonly denoPath?: string;
  /** Processes kept ready, each for one run: 50 MB (JavaScript) to 210 MB (Python) of memory each. Default: 1. */
  readonly spares?: number;
  /** Default: those of the host. */
  readonly cgroups?: () => CgroupHost;
  /**
   * Where Python's snapshot (31 MB) is kept between processes, in a directory `wasm` below; made when it is not there.
   * Default: nowhere, and the first Python run of each engine takes 2 s longer.
   */
  readonly cacheDir?: string | undefined;
  /** What the host is taken for. Default: what it is. */
  readonly platform?: NodeJS.Platform;
}

/** Everything that is made once, at the first probe. */
export interface Ready {
  readonly tools: WasmTools;
  readonly cgroups: CgroupHost;
  /** Null where no control group can hold memory. */
  readonly createGroup: (() => RunGroup) | null;
  /** Those that no process has now; null where this process may not change its uid. */
  readonly uids: number[] | null;
  /** What goes before Deno on its command line. */
  readonly wrapper: readonly string[];
  readonly inherited: readonly number[];
  /** How a process is looked at where no control group counts. */
  readonly usage: UsageReader;
  /** Whether no peak of memory passes unseen. */
  readonly seesPeaks: boolean;
  readonly bootstraps: Readonly<Record<Runtime, string>>;
  readonly python: PythonImage;
  /** Aborted when the engine closes: what is made in the background ends. */
  readonly closing: AbortController;
  readonly resources: DisposableStack;
}

/** Where nothing says which of them children would get, all that are open are closed before Deno starts. */
function openDescriptors(): number[] {
  try {
    return readdirSync("/dev/fd")
      .map(Number)
      .filter((fd) => fd > 2);
  } catch {
    return [];
  }
}

/** Systems that are not Linux have none. */
const noCgroups = (): CgroupHost => ({
  belts: { memory: false, pids: false, cpu: false, cpuUsage: false, kill: false, detail: "control groups are Linux's" },
  usable: false,
  create: () => {
    throw new Error("there are no control groups");
  },
  createInBackground: () => Promise.reject(new Error("there are no control groups")),
  [Symbol.dispose]: () => undefined,
});

/** @throws EngineUnavailableError when a package is missing or there is no place for the snapshot. */
export async function makeReady(options: WasmOptions): Promise<Ready> {
  const platform = options.platform ?? process.platform;
  const isLinux = platform === "linux";
  const tools = findTools(options.denoPath, platform);
  const [wrapperName, ...wrapperArgs] = DEATH_WRAPPER;
  const hasWrapper = isLinux && (await runTool(wrapperName, [...wrapperArgs, "true"], 5_000)).ok;
  const [place] = scratchPlaces();
  if (place === undefined) throw new EngineUnavailableError(NAME, "no directory for temporary files", "set TMPDIR");
  using stack = new DisposableStack();
  const cgroups = stack.use((options.cgroups ?? (isLinux ? openCgroups : noCgroups))());
  const scratch = stack.use(openScratch(place));
  chmodSync(scratch.dir, 0o700);
  const changesUid = isLinux && process.getuid?.() === 0 && isReachableByAll(tools.deno);
  const bootstraps = { javascript: bootstrapUrl("javascript"), python: bootstrapUrl("python") };
  const store = options.cacheDir === undefined ? null : createSnapshotStore(join(options.cacheDir, "wasm"));
  let groupNumber = 0;
  return {
    tools,
    cgroups,
    createGroup: cgroups.belts.memory
      ? () => {
          groupNumber += 1;
          return cgroups.create(`w${groupNumber}`);
        }
      : null,
    // From the top: other engines take theirs from the bottom.
    uids: changesUid ? Array.from({ length: MAX_SLOTS }, (_, index) => slotUid(index)) : null,
    wrapper: hasWrapper ? DEATH_WRAPPER : [],
    inherited: isLinux ? inheritedDescriptors() : openDescriptors(),
    usage: usageReader(platform),
    seesPeaks: cgroups.belts.memory || isLinux,
    bootstraps,
    python: createPythonImage(tools, scratch.dir, bootstraps.python, store),
    closing: new AbortController(),
    resources: stack.move(),
  };
}
