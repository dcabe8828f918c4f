import { mkdirSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import type { DecoyFile } from "../behaviour/decoy-file.ts";
import { reachableNode } from "../bubblewrap/node-binary.ts";
import { spareProcesses } from "../bubblewrap/spare-processes.ts";
import { MAX_SLOTS, slotUid } from "../bubblewrap/uids.ts";
import { openCgroups } from "../cgroup/host.ts";
import type { CgroupHost } from "../cgroup/types.ts";
import { listenForDeniedCalls } from "../denied-calls/listen.ts";
import type { DeniedCalls } from "../denied-calls/listen.ts";
import { EngineUnavailableError } from "../errors.ts";
import type { ScriptOptions } from "../launcher/script.ts";
import { createSlotPipes } from "../process/fifo.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { inheritedDescriptors } from "../process/inherited.ts";
import { instanceName } from "../process/instance.ts";
import type { EngineOptions } from "../run/engine-shell.ts";
import { seccompArch } from "../seccomp/compile.ts";
import { ociSeccomp } from "../seccomp/oci.ts";
import { DEFAULT_POLICY } from "../seccomp/policy.ts";
import type { SeccompPolicy } from "../seccomp/types.ts";
import type { OciSeccomp } from "../seccomp/oci.ts";
import { createDecoyFiles } from "./decoys.ts";
import { findOciTool } from "./runtimes.ts";
import type { OciRuntime, OciTool } from "./runtimes.ts";
import { enterOwnKernelStep, OWN_KERNEL_COLLECT } from "./script.ts";
import { openWorkplace, prepareSystem } from "./system.ts";
import type { System } from "./system.ts";

export interface OciOptions extends EngineOptions {
  /** Default: the runtime's program in the system directories. */
  readonly runtimePath?: string;
  /**
   * A directory with a Linux system in it, or an OCI image layout, for programs to see instead of the host's system
   * directories. Languages are looked for on the host; what the system lacks of one cannot be run.
   */
  readonly rootfs?: string;
  /**
   * Sandboxes kept ready at most, each with a started Python interpreter, for one run without `env`. 0 keeps none.
   * Each takes memory all the time: about 25 MB with gVisor, 8 MB with the others. Default: 0.
   */
  readonly pool?: number;
  /** Sessions at the same time, beside the runs; with the slots and the pool at most 64. Default: 8. */
  readonly sessions?: number;
}

/** Everything that is made once, at the first probe. */
export interface Ready {
  readonly runtime: OciRuntime;
  readonly tool: OciTool;
  /** Directory of bundles, the runtime's state and pid files; programs never see it. */
  readonly workDir: string;
  /** Part of every container's name, unique on this host. */
  readonly instance: string;
  readonly system: System;
  readonly seccomp: OciSeccomp;
  /** Sees what programs are refused; null where the runtime has a kernel of its own. */
  readonly deniedCalls: DeniedCalls | null;
  /** By place, as host ids are. */
  readonly decoys: readonly DecoyFile[];
  readonly inherited: readonly number[];
  readonly cgroups: CgroupHost;
  readonly pipes: readonly SlotPipes[];
  readonly probePipes: SlotPipes;
  /** Of prepared sandboxes, which may run beside all slots. */
  readonly sparePipes: readonly SlotPipes[];
  /** Of sessions, beside all of these. */
  readonly sessionPipes: readonly SlotPipes[];
  readonly slots: number;
  readonly script: ScriptOptions;
  readonly nodePath: string;
  readonly resources: DisposableStack;
}

/**
 * In gVisor's kernel the launcher mounts a group; the program lacks the capability that it takes. And gVisor's filter
 * knows one error, EPERM, after which the C library makes no threads: clone3 is let through to gVisor itself.
 */
const OWN_KERNEL_POLICY: SeccompPolicy = {
  ...DEFAULT_POLICY,
  calls: new Map([...DEFAULT_POLICY.calls, ["mount", "allow"], ["clone3", "allow"]]),
};

/** gVisor of 2022 knows call 270 by another name, and refuses it with EPERM otherwise: select() is made of it. */
const inOwnKernelNames = (profile: OciSeccomp): OciSeccomp => ({
  ...profile,
  syscalls: profile.syscalls.map((row) =>
    row.names.includes("pselect6") ? { ...row, names: [...row.names, "pselect"] } : row,
  ),
});

/**
 * How many sandboxes may be kept ready. Each has host ids of its own, as each slot has, until its run is over and
 * cleaned up; so at most one for each slot is in use beside those that are ready.
 */
export const spareCount = ({ pool = 0, slots }: Pick<OciOptions, "pool" | "slots">): number =>
  Math.max(0, Math.min(pool, MAX_SLOTS - 2 * slots));

const DEFAULT_SESSIONS = 8;

/** Places of runs and of prepared sandboxes. Those of sessions follow. */
export const runPlaces = (options: Pick<OciOptions, "pool" | "slots">): number => {
  const spares = spareCount(options);
  return spares === 0 ? options.slots : 2 * options.slots + spares;
};

/** Sessions at the same time: each has ids and pipes of its own. */
export const sessionCount = (options: Pick<OciOptions, "pool" | "sessions" | "slots">): number =>
  Math.max(0, Math.min(options.sessions ?? DEFAULT_SESSIONS, MAX_SLOTS - runPlaces(options)));

/** @throws EngineUnavailableError when the runtime or something that it needs is missing. */
export async function makeReady(runtime: OciRuntime, options: OciOptions): Promise<Ready> {
  const { name } = runtime;
  const found = await findOciTool(runtime, options.runtimePath);
  if (!("tool" in found)) throw new EngineUnavailableError(name, found.reason, found.fix);
  const arch = seccompArch(process.arch);
  if (arch === null)
    throw new EngineUnavailableError(name, `no seccomp profile for processor ${process.arch}`, "use x86-64 or arm64");
  if (process.getuid?.() !== 0)
    throw new EngineUnavailableError(
      name,
      `${found.tool.path} gives programs a user that is nobody's only when it is started by root`,
      "run the server as root, or use bubblewrap",
    );
  using stack = new DisposableStack();
  const cgroups = stack.use(openCgroups());
  const { dir } = stack.use(await openWorkplace(name));
  const system = await prepareSystem(name, join(dir, "rootfs"), options.rootfs, runtime.hasOwnKernel);
  const workDir = join(dir, "work");
  for (const path of [workDir, join(workDir, "state")]) mkdirSync(path, { mode: 0o700 });
  const inherited = inheritedDescriptors();
  const deniedCalls = runtime.hasOwnKernel
    ? null
    : stack.use(
        await listenForDeniedCalls({ runtimePath: found.tool.path, dir: join(dir, "denied-calls"), inherited }),
      );
  const pipeDir = join(dir, "pipes");
  // Programs get the open ends, never the path.
  mkdirSync(pipeDir, { mode: 0o700 });
  const places = runPlaces(options) + sessionCount(options);
  // Behind gVisor's own user namespace the owner is nobody, whoever it is: programs reopen the ends as others.
  const [owner, mode] = runtime.hasOwnKernel
    ? [() => undefined, 0o666]
    : [(slot: number) => slotUid(slot === places ? 0 : slot), 0o600];
  // The last pair is the probe's: it may run beside any slot.
  const pipes = await createSlotPipes(pipeDir, places + 1, owner, mode);
  const rlimited = spareProcesses({ changesUid: true, grouped: cgroups.belts.pids, release: release() });
  return {
    runtime,
    tool: found.tool,
    workDir,
    instance: instanceName(),
    system,
    seccomp: runtime.hasOwnKernel ? inOwnKernelNames(ociSeccomp(arch, OWN_KERNEL_POLICY)) : ociSeccomp(arch),
    deniedCalls,
    decoys: createDecoyFiles(join(dir, "decoys"), places, stack),
    inherited,
    cgroups,
    pipes,
    probePipes: pipes.at(-1) as SlotPipes,
    sparePipes: pipes.slice(options.slots, runPlaces(options)),
    sessionPipes: pipes.slice(runPlaces(options), -1),
    slots: options.slots,
    script: {
      ...system.shell,
      spareProcesses: runtime.hasOwnKernel ? null : rlimited,
      seesOnlyInside: true,
      limitData: !cgroups.belts.memory,
      ...(runtime.hasOwnKernel ? { enterStep: enterOwnKernelStep, collectWay: OWN_KERNEL_COLLECT } : {}),
    },
    nodePath: reachableNode(true),
    resources: stack.move(),
  };
}
