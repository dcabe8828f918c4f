import { accessSync, constants, mkdirSync } from "node:fs";
import { release } from "node:os";
import { basename, join } from "node:path";
import { reachableNode } from "../bubblewrap/node-binary.ts";
import { spareProcesses } from "../bubblewrap/spare-processes.ts";
import { slotUid } from "../bubblewrap/uids.ts";
import { openCgroups } from "../cgroup/host.ts";
import type { CgroupHost } from "../cgroup/types.ts";
import { EngineUnavailableError } from "../errors.ts";
import type { ScriptOptions } from "../launcher/script.ts";
import { probeShell } from "../launcher/shell.ts";
import { createSlotPipes } from "../process/fifo.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { inheritedDescriptors } from "../process/inherited.ts";
import { instanceName } from "../process/instance.ts";
import { openScratch, scratchPlaces } from "../process/scratch.ts";
import { runTool } from "../process/spawn.ts";
import type { EngineOptions } from "../run/engine-shell.ts";
import { seccompArch } from "../seccomp/compile.ts";
import { ociSeccomp } from "../seccomp/oci.ts";
import { DEFAULT_POLICY } from "../seccomp/policy.ts";
import type { SeccompPolicy } from "../seccomp/types.ts";
import type { OciSeccomp } from "../seccomp/oci.ts";
import { OCI_INSIDE, writeHostRootfs } from "./rootfs.ts";
import type { Rootfs } from "./rootfs.ts";
import { findOciTool } from "./runtimes.ts";
import type { OciRuntime, OciTool } from "./runtimes.ts";
import { enterOwnKernelStep } from "./script.ts";

export interface OciOptions extends EngineOptions {
  /** Default: the runtime's program in the system directories. */
  readonly runtimePath?: string;
}

/** Everything that is made once, at the first probe. */
export interface Ready {
  readonly runtime: OciRuntime;
  readonly tool: OciTool;
  /** Directory of bundles, the runtime's state and pid files; programs never see it. */
  readonly workDir: string;
  /** Part of every container's name, unique on this host. */
  readonly instance: string;
  readonly rootfs: Rootfs;
  readonly seccomp: OciSeccomp;
  readonly inherited: readonly number[];
  readonly cgroups: CgroupHost;
  readonly pipes: readonly SlotPipes[];
  readonly probePipes: SlotPipes;
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

/** Tools of the host, and of the root file system where that is the host's. */
const NEEDED_TOOLS = ["/usr/bin/setpriv", "/usr/bin/head", "/usr/bin/tar", "/usr/bin/mount", "/usr/bin/mkdir"];

function exists(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A root on the first file system that lets the launcher in it start. */
async function scratchWithRootfs(runtime: OciRuntime, stack: DisposableStack) {
  const places = scratchPlaces();
  for (const place of places) {
    const scratch = openScratch(place);
    const rootfs = writeHostRootfs(join(scratch.dir, "rootfs"), runtime.hasOwnKernel);
    const launcher = join(rootfs.dir, basename(OCI_INSIDE.dir), basename(OCI_INSIDE.shell));
    if ((await runTool(launcher, ["-c", ":"], 5_000)).ok) return { dir: stack.use(scratch).dir, rootfs };
    scratch[Symbol.dispose]();
  }
  throw new EngineUnavailableError(
    runtime.name,
    `no directory for the launcher that all users can reach and programs can be started in (tried ${places.join(", ")})`,
    "set TMPDIR to such a directory",
  );
}

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
  const missing = NEEDED_TOOLS.filter((tool) => !exists(tool));
  if (missing.length > 0)
    throw new EngineUnavailableError(
      name,
      `not found: ${missing.join(", ")}`,
      "apt-get install util-linux tar coreutils",
    );
  const shell = await probeShell();
  using stack = new DisposableStack();
  const cgroups = stack.use(openCgroups());
  const { dir, rootfs } = await scratchWithRootfs(runtime, stack);
  const workDir = join(dir, "work");
  for (const path of [workDir, join(workDir, "state")]) mkdirSync(path, { mode: 0o700 });
  const pipeDir = join(dir, "pipes");
  // Programs get the open ends, never the path.
  mkdirSync(pipeDir, { mode: 0o700 });
  // Behind gVisor's own user namespace the owner is nobody, whoever it is: programs reopen the ends as others.
  const [owner, mode] = runtime.hasOwnKernel
    ? [() => undefined, 0o666]
    : [(slot: number) => slotUid(slot % options.slots), 0o600];
  // The last pair is the probe's: it may run beside any slot.
  const pipes = await createSlotPipes(pipeDir, options.slots + 1, owner, mode);
  const rlimited = spareProcesses({ changesUid: true, grouped: cgroups.belts.pids, release: release() });
  return {
    runtime,
    tool: found.tool,
    workDir,
    instance: instanceName(),
    rootfs,
    seccomp: ociSeccomp(arch, runtime.hasOwnKernel ? OWN_KERNEL_POLICY : DEFAULT_POLICY),
    inherited: inheritedDescriptors(),
    cgroups,
    pipes,
    probePipes: pipes.at(-1) as SlotPipes,
    script: {
      ...shell,
      spareProcesses: runtime.hasOwnKernel ? null : rlimited,
      limitData: !cgroups.belts.memory,
      ...(runtime.hasOwnKernel ? { enterStep: enterOwnKernelStep } : {}),
    },
    nodePath: reachableNode(true),
    resources: stack.move(),
  };
}
