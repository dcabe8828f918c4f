import { randomBytes } from "node:crypto";
import type { DecoyFile } from "../behaviour/decoy-file.ts";
import { withSeen } from "../behaviour/judge.ts";
import { watchRoutes } from "../behaviour/unroutable.ts";
import { INSIDE } from "../bubblewrap/layout.ts";
import { readMessage } from "../bubblewrap/start.ts";
import type { StartFailure } from "../bubblewrap/start.ts";
import type { RunGroup } from "../cgroup/types.ts";
import { deniedCallViolations } from "../denied-calls/watched.ts";
import type { DeniedCallLog } from "../denied-calls/watched.ts";
import { EngineUnavailableError } from "../errors.ts";
import { launcherScript } from "../launcher/script.ts";
import { openNetwork, withNetwork } from "../network/open.ts";
import type { Proxy } from "../network/proxy.ts";
import type { Pool } from "../pool/pool.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { createEngineShell } from "../run/engine-shell.ts";
import type { Tidy } from "../run/engine-shell.ts";
import { notRun, outcomeOf } from "../run/outcome.ts";
import { commandsOf, givenBytes } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import { supervise } from "../run/supervise.ts";
import type { RunningSandbox } from "../run/supervise.ts";
import type { Engine, RunOptions, RunOutcome } from "../types.ts";
import { bindMount } from "./config.ts";
import { idsOf, writeBundle } from "./container.ts";
import { decoyMounts } from "./decoys.ts";
import { makeReady } from "./prepare.ts";
import type { OciOptions, Ready } from "./prepare.ts";
import { ownKernelTasks, preparedKey } from "./prepared.ts";
import type { PreparedContainer } from "./prepared.ts";
import { probeOci } from "./probe.ts";
import { OCI_INSIDE } from "./inside.ts";
import { OCI_RUNTIMES } from "./runtimes.ts";
import type { OciRuntime } from "./runtimes.ts";
import { createOciSessions } from "./session.ts";
import { BECOME_USER, boxArchive, DIE_WITH_RUNTIME, ownKernelScript, unpackScript } from "./script.ts";
import { startContainer } from "./start.ts";
import type { ContainerOptions } from "./start.ts";
import { createContainerPool } from "./warm.ts";

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
      ...(plan.artifacts === null ? {} : { collectFrom: INSIDE.cwd }),
      writableDirs: hasOwnKernel ? [INSIDE.box, "/tmp", "/dev/shm"] : [INSIDE.box],
    },
    { ...host.script, compileEndMark },
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
    boxBytes: diskBytes + givenBytes(plan),
    diskBytes,
    systemMounts: [
      ...host.system.rootfs.mounts,
      ...decoyMounts(host.decoys[slot]),
      ...(usesNode ? [bindMount(host.nodePath, OCI_INSIDE.node)] : []),
    ],
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
    collects: plan.artifacts !== null,
    compileEndMark,
    ownProcesses: hasOwnKernel ? ownKernelTasks(mostPids) : 1,
    signal,
  };
}

/** Our own Node is mounted wherever it is needed. */
const isInside = ({ system }: Ready, path: string): boolean => path === process.execPath || system.has(path);

/** A sandbox that waits for `go`, and what gives it up for good. */
interface Lease {
  readonly sandbox: RunningSandbox;
  /** The container's first process, on the host. */
  readonly innerPid: number;
  deniedCalls(): DeniedCallLog;
  readonly decoy: DecoyFile | undefined;
  release(): Promise<void>;
}

function createOciEngine(runtime: OciRuntime, options: OciOptions): Engine {
  const { name, isolation } = runtime;
  let runNumber = 0;
  let pool: Pool<PreparedContainer> | undefined;

  /** A prepared sandbox that has taken the program in; null where there is none, or it does not answer. */
  const fromPool = async (plan: RunPlan, signal: AbortSignal | undefined): Promise<Lease | null> => {
    const key = preparedKey(plan);
    const made = key === null ? null : pool?.take(key);
    if (made === null || made === undefined) return null;
    const sandbox = await made.load(plan, signal);
    if (sandbox !== null) {
      const { innerPid, deniedCalls } = made.started;
      return { sandbox, innerPid, deniedCalls, decoy: made.decoy, release: () => made.destroy() };
    }
    await made.destroy();
    return null;
  };

  const fresh = async (
    host: Ready,
    slot: number,
    plan: RunPlan,
    signal: AbortSignal | undefined,
  ): Promise<Lease | StartFailure> => {
    runNumber += 1;
    host.decoys[slot]?.fill(plan.decoy.file);
    let group: RunGroup | null;
    try {
      group = host.cgroups.usable ? host.cgroups.create(`o${runNumber}`) : null;
    } catch (error) {
      return { failure: `no control group for the run: ${(error as Error).message}`, missing: false };
    }
    const start = () => startContainer(host, containerOptions(host, slot, plan, group, signal));
    const wasTold = host.deniedCalls?.off === null;
    let started = await start();
    // Its listener had ended, and that was not known yet: now it is.
    if ("failure" in started && !started.missing && wasTold && host.deniedCalls?.off !== null) started = await start();
    if ("failure" in started) {
      await group?.destroy();
      return started;
    }
    const { sandbox, innerPid, deniedCalls } = started;
    const release = async (): Promise<void> => {
      sandbox.kill();
      await sandbox.ended;
      await started.close();
      await group?.destroy();
    };
    return { sandbox, innerPid, deniedCalls, decoy: host.decoys[slot], release };
  };

  const runIn = async (
    host: Ready,
    slot: number,
    plan: RunPlan,
    runOptions: RunOptions,
    startedAt: number,
    tidy: Tidy,
  ): Promise<RunOutcome> => {
    const frame = () => ({ engine: name, isolation, plan, setupMs: performance.now() - startedAt });
    const absent = Object.values(plan.language.toolPaths).find((path) => !isInside(host, path));
    if (absent !== undefined) return notRun(frame(), "sandbox_failed", `the root file system has no ${absent}`);
    const { signal } = runOptions;
    const lease = (await fromPool(plan, signal)) ?? (await fresh(host, slot, plan, signal));
    if ("failure" in lease) {
      if (lease.missing)
        throw new EngineUnavailableError(name, `${host.tool.path} is gone: ${lease.failure}`, runtime.install);
      if (signal?.aborted === true) return notRun(frame(), "cancelled", "cancelled before it started");
      return notRun(frame(), "sandbox_failed", lease.failure);
    }
    const setup = frame();
    const { sandbox } = lease;
    const steps = {
      compileLimits: plan.compileLimits,
      runLimits: plan.limits,
      artifacts: plan.artifacts,
      // gVisor keeps the program's memory in one file, which counts as one of the tmpfs.
      givenBytes: runtime.hasOwnKernel ? null : givenBytes(plan),
    };
    let proxy: Proxy | null = null;
    try {
      if (plan.network.length > 0) {
        try {
          proxy = await openNetwork(lease.innerPid, plan.network, options.network ?? { allow: [] }, signal);
        } catch (error) {
          return signal?.aborted === true
            ? notRun(setup, "cancelled", "cancelled before it started")
            : notRun(setup, "sandbox_failed", `no network for the run: ${(error as Error).message}`);
        }
      }
      // gVisor's programs have no route out that the host's kernel would count.
      using routes = runtime.hasOwnKernel ? null : watchRoutes(lease.innerPid);
      const supervised = await supervise(sandbox, steps, runOptions);
      const isBroken = (supervised.run ?? supervised.compile)?.status === "sandbox_failed";
      const said = isBroken ? await messageOf(supervised.run?.stderr, sandbox.stderr) : "";
      const outcome = withSeen(outcomeOf(setup, supervised, said), [
        ...(lease.decoy?.seen() ?? []),
        ...(routes?.seen() ?? []),
        ...deniedCallViolations(lease.deniedCalls()),
      ]);
      return proxy === null ? outcome : withNetwork(outcome, proxy.log());
    } finally {
      proxy?.close();
      sandbox.kill();
      await sandbox.ended;
      tidy(() => lease.release());
    }
  };
  const sessions = createOciSessions(runtime, options);
  return createEngineShell<Ready>(name, isolation, options, {
    makeReady: async () => {
      const host = await makeReady(runtime, options);
      pool = createContainerPool(host, options);
      return host;
    },
    probe: (host) => probeOci(host, options.bounds),
    runIn,
    // gVisor runs without a network stack: there is no loopback in it that a proxy could listen on.
    hasNetwork: !runtime.hasOwnKernel,
    hasArtifacts: true,
    openSession: (host, spec) => sessions.open(host, spec),
    close: async () => {
      await Promise.all([pool?.close(), sessions.close()]);
    },
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
