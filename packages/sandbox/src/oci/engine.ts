import { randomBytes } from "node:crypto";
import { withSeen } from "../behaviour/judge.ts";
import { watchRoutes } from "../behaviour/unroutable.ts";
import { INSIDE } from "../bubblewrap/layout.ts";
import { readMessage } from "../bubblewrap/start.ts";
import type { RunGroup } from "../cgroup/types.ts";
import { EngineUnavailableError } from "../errors.ts";
import { launcherScript } from "../launcher/script.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { createEngineShell } from "../run/engine-shell.ts";
import { notRun, outcomeOf } from "../run/outcome.ts";
import { commandsOf, givenBytes } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import { supervise } from "../run/supervise.ts";
import type { Engine, RunOptions, RunOutcome } from "../types.ts";
import { bindMount } from "./config.ts";
import { idsOf, writeBundle } from "./container.ts";
import { makeReady } from "./prepare.ts";
import type { OciOptions, Ready } from "./prepare.ts";
import { probeOci } from "./probe.ts";
import { OCI_INSIDE } from "./rootfs.ts";
import { OCI_RUNTIMES } from "./runtimes.ts";
import type { OciRuntime } from "./runtimes.ts";
import { BECOME_USER, boxArchive, DIE_WITH_RUNTIME, ownKernelScript, unpackScript } from "./script.ts";
import { startContainer } from "./start.ts";
import type { ContainerOptions } from "./start.ts";

/** What the decoy file takes on the tmpfs. */
const DECOY_BYTES = 4096;

/** Threads of gVisor's own beside those that stand for the program's: 30 at rest, a few more under load. */
const OWN_KERNEL_THREADS = 96;

function containerOptions(
  host: Ready,
  slot: number,
  plan: RunPlan,
  group: RunGroup | null,
  signal: AbortSignal | undefined,
): ContainerOptions {
  const { hasOwnKernel } = host.runtime;
  const insideNode = (path: string): string => (path === process.execPath ? OCI_INSIDE.node : path);
  const commands = commandsOf(plan, INSIDE.build, insideNode);
  const asUser = hasOwnKernel ? BECOME_USER : [];
  const compile =
    commands.compile === null || plan.compileLimits === null
      ? null
      : { argv: [...asUser, ...commands.compile], limits: plan.compileLimits };
  const compileEndMark = randomBytes(16).toString("hex");
  const script = launcherScript(
    {
      compile,
      runLimits: plan.limits,
      dataSlackBytes: plan.language.definition.dataSlackBytes ?? 0,
      stdinPath: plan.stdin.length === 0 ? null : INSIDE.stdin,
      writableDirs: hasOwnKernel ? [INSIDE.box, "/tmp", "/dev/shm"] : [INSIDE.box],
    },
    hasOwnKernel ? { ...host.script, compileEndMark } : host.script,
  );
  const archive = boxArchive(plan);
  const launcher = [...(hasOwnKernel ? [ownKernelScript()] : []), unpackScript(archive.length), script].join("\n");
  const usesNode = [...commands.run, ...(commands.compile ?? [])].includes(OCI_INSIDE.node);
  const diskBytes = Math.max(plan.limits.diskBytes, plan.compileLimits?.diskBytes ?? 0);
  const bundle = writeBundle(host, {
    rootfs: host.system.rootfs.dir,
    args: [
      ...(hasOwnKernel ? [] : DIE_WITH_RUNTIME),
      ...[OCI_INSIDE.shell, "-c", launcher, "sh", ...asUser, ...commands.run],
    ],
    env: { ...plan.language.definition.env, ...plan.decoy.env },
    boxBytes: diskBytes + givenBytes(plan) + DECOY_BYTES,
    diskBytes,
    systemMounts: [...host.system.rootfs.mounts, ...(usesNode ? [bindMount(host.nodePath, OCI_INSIDE.node)] : [])],
    ids: idsOf(slot),
    seccomp: host.seccomp,
    hasOwnKernel,
  });
  const mostPids = Math.max(plan.limits.pids, plan.compileLimits?.pids ?? 0);
  return {
    bundle,
    pipes: host.pipes[slot] as SlotPipes,
    group,
    archive,
    compiles: compile !== null,
    compileEndMark,
    // gVisor counts the program's processes itself; each is up to two of the host's, and the group is the belt behind.
    ownProcesses: hasOwnKernel ? mostPids + OWN_KERNEL_THREADS : 1,
    signal,
  };
}

/** Our own Node is mounted wherever it is needed. */
const isInside = ({ system }: Ready, path: string): boolean => path === process.execPath || system.has(path);

function createOciEngine(runtime: OciRuntime, options: OciOptions): Engine {
  const { name, isolation } = runtime;
  let runNumber = 0;
  const runIn = async (
    host: Ready,
    slot: number,
    plan: RunPlan,
    runOptions: RunOptions,
    startedAt: number,
  ): Promise<RunOutcome> => {
    const frame = () => ({ engine: name, isolation, plan, setupMs: performance.now() - startedAt });
    const absent = Object.values(plan.language.toolPaths).find((path) => !isInside(host, path));
    if (absent !== undefined) return notRun(frame(), "sandbox_failed", `the root file system has no ${absent}`);
    runNumber += 1;
    let group: RunGroup | null;
    try {
      group = host.cgroups.usable ? host.cgroups.create(`o${runNumber}`) : null;
    } catch (error) {
      return notRun(frame(), "sandbox_failed", `no control group for the run: ${(error as Error).message}`);
    }
    try {
      const started = await startContainer(host, containerOptions(host, slot, plan, group, runOptions.signal));
      if ("failure" in started) {
        if (started.missing)
          throw new EngineUnavailableError(name, `${host.tool.path} is gone: ${started.failure}`, runtime.install);
        if (runOptions.signal?.aborted === true) return notRun(frame(), "cancelled", "cancelled before it started");
        return notRun(frame(), "sandbox_failed", started.failure);
      }
      const setup = frame();
      // gVisor's programs have no route out that the host's kernel would count.
      using routes = runtime.hasOwnKernel ? null : watchRoutes(started.innerPid);
      const steps = {
        compileLimits: plan.compileLimits,
        runLimits: plan.limits,
        // gVisor keeps the program's memory in one file, which counts as one of the tmpfs.
        givenBytes: runtime.hasOwnKernel ? null : givenBytes(plan) + DECOY_BYTES,
      };
      try {
        const supervised = await supervise(started.sandbox, steps, runOptions);
        const isBroken = (supervised.run ?? supervised.compile)?.status === "sandbox_failed";
        const said = isBroken ? await messageOf(supervised.run?.stderr, started.sandbox.stderr) : "";
        return withSeen(outcomeOf(setup, supervised, said), routes?.seen() ?? []);
      } finally {
        started.sandbox.kill();
        await started.sandbox.ended;
        await started.close();
      }
    } finally {
      await group?.destroy();
    }
  };
  return createEngineShell(name, isolation, options, {
    makeReady: () => makeReady(runtime, options),
    probe: (host) => probeOci(host, options.bounds),
    runIn,
  });
}

async function messageOf(kept: Uint8Array | undefined, stream: Parameters<typeof readMessage>[0]): Promise<string> {
  const said = kept === undefined ? await readMessage(stream) : new TextDecoder().decode(kept.subarray(0, 4096)).trim();
  return said === "" ? "the sandbox ended without a report" : said;
}

/** A container by runc: namespaces, seccomp profile, read-only root, control group; shares the host's kernel. */
export const createRuncEngine = (options: OciOptions): Engine => createOciEngine(OCI_RUNTIMES.runc, options);

/** The same container by crun. */
export const createCrunEngine = (options: OciOptions): Engine => createOciEngine(OCI_RUNTIMES.crun, options);

/** The same bundle on gVisor: a kernel of its own between the program and the host's. */
export const createGvisorEngine = (options: OciOptions): Engine => createOciEngine(OCI_RUNTIMES.gvisor, options);
