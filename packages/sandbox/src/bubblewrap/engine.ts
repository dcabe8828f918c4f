import { ARTIFACTS_DIR } from "../artifacts/read.ts";
import type { DecoyFile } from "../behaviour/decoy-file.ts";
import { withSeen } from "../behaviour/judge.ts";
import { watchRoutes } from "../behaviour/unroutable.ts";
import type { RunGroup } from "../cgroup/types.ts";
import { EngineUnavailableError } from "../errors.ts";
import { launcherScript } from "../launcher/script.ts";
import type { LimitBounds } from "../limits.ts";
import type { NetworkOptions } from "../network/open.ts";
import { openNetwork, withNetwork } from "../network/open.ts";
import type { Proxy } from "../network/proxy.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { createEngineShell } from "../run/engine-shell.ts";
import type { Tidy } from "../run/engine-shell.ts";
import { notRun, outcomeOf } from "../run/outcome.ts";
import type { OutcomeFrame } from "../run/outcome.ts";
import { commandsOf, givenBytes, makesArtifactsDir } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import { supervise } from "../run/supervise.ts";
import type { ForkedRun } from "../template/forked.ts";
import type { Engine, ProbeReport, RunOptions, RunOutcome } from "../types.ts";
import { boxArgs, parentDirs } from "./args.ts";
import { decoyArgs, decoyMountArgs } from "./decoy-args.ts";
import { INSIDE } from "./layout.ts";
import { makeReady, NAME, sessionSlots } from "./prepare.ts";
import type { BubblewrapOptions, Ready } from "./prepare.ts";
import { beltsOf, INSTALL_FIX, namespaceFix } from "./probe.ts";
import { readMessage, startSandbox } from "./start.ts";
import type { StartedSandbox, StartOptions } from "./start.ts";
import { createBubblewrapSessions } from "./session.ts";
import { MAX_SLOTS, slotUid } from "./uids.ts";
import { createWarm } from "./warm.ts";

/** Namespaces through bubblewrap, with a seccomp allow-list and a control group for every run. */
export function createBubblewrapEngine(options: BubblewrapOptions): Engine {
  const warm = createWarm(options.warm ?? false);
  // With a process waiting in every slot, a run need not wait for the next one to be made where the last has ended.
  const most = MAX_SLOTS - sessionSlots(options);
  const places = options.places ?? (options.warm === true ? Math.min(2 * options.slots, most) : options.slots);
  const placed = { ...options, slots: places };
  let runNumber = 0;
  const runIn = async (
    host: Ready,
    slot: number,
    plan: RunPlan,
    runOptions: RunOptions,
    startedAt: number,
    tidy: Tidy,
  ): Promise<RunOutcome> => {
    const frame = (): OutcomeFrame => ({
      engine: NAME,
      isolation: "namespace",
      plan,
      setupMs: performance.now() - startedAt,
    });
    const decoyFile = host.decoys[slot] as DecoyFile;
    decoyFile.fill(plan.decoy.file);
    const forked = await warm.fork(host, slot, plan);
    let group: RunGroup | null = forked?.group ?? null;
    try {
      if (forked === null && host.cgroups.usable) group = host.cgroups.create(`r${(runNumber += 1)}`);
    } catch (error) {
      return notRun(frame(), "sandbox_failed", `no control group for the run: ${(error as Error).message}`);
    }
    try {
      const started = forked ?? (await startSandbox(startOptions(host, slot, plan, group)));
      if ("failure" in started) {
        if (started.missing)
          throw new EngineUnavailableError(NAME, `${host.bwrap} cannot be started: ${started.failure}`, INSTALL_FIX);
        return notRun(frame(), "sandbox_failed", started.failure);
      }
      const setup = frame();
      using routes = forked === null ? watchRoutes(started.innerPid) : null;
      let proxy: Proxy | null = null;
      const steps = {
        compileLimits: plan.compileLimits,
        runLimits: plan.limits,
        givenBytes: givenBytes(plan),
        artifacts: plan.artifacts,
      };
      try {
        try {
          proxy = await networkFor(started, plan, options.network, runOptions.signal);
        } catch (error) {
          return runOptions.signal?.aborted === true
            ? notRun(setup, "cancelled", "cancelled before it started")
            : notRun(setup, "sandbox_failed", `no network for the run: ${(error as Error).message}`);
        }
        const supervised = await supervise(started.sandbox, steps, runOptions);
        const isBroken = (supervised.run ?? supervised.compile)?.status === "sandbox_failed";
        const message = isBroken ? await brokenMessage(supervised.run?.stderr, started.sandbox.stderr) : "";
        const outcome = withSeen(outcomeOf(setup, supervised, message), [
          ...decoyFile.seen(),
          ...(forked?.deniedRoutes() ?? routes?.seen() ?? []),
        ]);
        return proxy === null ? outcome : withNetwork(outcome, proxy.log());
      } finally {
        proxy?.close();
        started.sandbox.kill();
        await started.sandbox.ended;
        started.close();
      }
    } finally {
      tidy(async () => {
        await forked?.settled;
        await group?.destroy();
        warm.prepare(host, slot, plan);
      });
    }
  };
  const sessions = createBubblewrapSessions(placed);
  return createEngineShell(
    NAME,
    "namespace",
    { ...options, places },
    {
      makeReady: () => makeReady(placed),
      probe: (host) => probe(host, options.bounds),
      runIn,
      hasNetwork: true,
      hasArtifacts: true,
      rank: (slot, plan) => warm.rank(slot, plan),
      openSession: (host, spec) => sessions.open(host, spec),
      close: async () => {
        await Promise.all([warm.close(), sessions.close()]);
      },
    },
  );
}

/** Null for a run that has none. @throws Error when the one that the run wants cannot be made. */
async function networkFor(
  started: StartedSandbox | ForkedRun,
  { network }: RunPlan,
  options: NetworkOptions | undefined,
  signal: AbortSignal | undefined,
): Promise<Proxy | null> {
  if (network.length === 0) return null;
  return openNetwork(started.innerPid, network, options ?? { allow: [] }, signal);
}

function startOptions(host: Ready, slot: number, plan: RunPlan, group: RunGroup | null): StartOptions {
  const insideNode = (path: string): string => (path === process.execPath ? INSIDE.node : path);
  const commands = commandsOf(plan, INSIDE.build, insideNode);
  const compile =
    commands.compile === null || plan.compileLimits === null
      ? null
      : { argv: commands.compile, limits: plan.compileLimits };
  const script = launcherScript(
    {
      compile,
      runLimits: plan.limits,
      dataSlackBytes: plan.language.definition.dataSlackBytes ?? 0,
      stdinPath: plan.stdin.length === 0 ? null : INSIDE.stdin,
      writableDirs: [INSIDE.box],
      ...(plan.artifacts === null ? {} : { collectFrom: INSIDE.cwd }),
    },
    host.script,
  );
  return {
    bwrap: host.bwrap,
    inherited: host.inherited,
    args: [
      ...host.shared.before,
      ...(commands.run.includes(INSIDE.node) ? ["--ro-bind", host.nodePath, INSIDE.node] : []),
      ...Object.entries(plan.language.definition.env ?? {}).flatMap(([name, value]) => ["--setenv", name, value]),
      ...decoyMountArgs(host, slot),
      ...boxArgs(Math.max(plan.limits.diskBytes, plan.compileLimits?.diskBytes ?? 0), givenBytes(plan)),
      ...decoyArgs(plan),
      ...parentDirs(plan.files).flatMap((dir) => ["--dir", `${INSIDE.cwd}/${dir}`]),
      ...(makesArtifactsDir(plan) ? ["--dir", `${INSIDE.cwd}/${ARTIFACTS_DIR}`] : []),
    ],
    argsAfter: host.shared.after,
    command: [INSIDE.shell, "-c", script, "sh", ...commands.run],
    files: plan.files,
    stdin: plan.stdin,
    compiles: compile !== null,
    collects: plan.artifacts !== null,
    filterPath: host.filterPath,
    pipes: host.pipes[slot] as SlotPipes,
    uid: host.changesUid ? slotUid(slot) : undefined,
    group,
  };
}

async function brokenMessage(kept: Uint8Array | undefined, stream: Parameters<typeof readMessage>[0]): Promise<string> {
  const message =
    kept === undefined ? await readMessage(stream) : new TextDecoder().decode(kept.subarray(0, 4096)).trim();
  return message === "" ? "the sandbox ended without a report" : message;
}

/** Says what this host gives, by making a sandbox with every defence on. */
async function probe(host: Ready, bounds: LimitBounds): Promise<ProbeReport> {
  const started = await startSandbox({
    bwrap: host.bwrap,
    inherited: host.inherited,
    args: [...host.shared.before, ...boxArgs(bounds.min.diskBytes, 0)],
    argsAfter: host.shared.after,
    command: [INSIDE.shell, "-c", "echo ready >&3"],
    files: [],
    stdin: new Uint8Array(),
    compiles: false,
    filterPath: host.filterPath,
    pipes: host.probePipes,
    uid: host.changesUid ? slotUid(0) : undefined,
    group: null,
  });
  let failure: string | null;
  if ("failure" in started) failure = started.failure;
  else {
    const said = await readMessage(started.sandbox.control);
    failure = said === "ready" ? null : await readMessage(started.sandbox.stderr);
    await started.sandbox.ended;
    started.close();
  }
  return {
    engine: NAME,
    isolation: "namespace",
    available: failure === null,
    version: host.version,
    reason: failure === null ? null : `bubblewrap cannot make a sandbox here: ${failure}`,
    fix: failure === null ? null : namespaceFix(),
    belts: beltsOf({
      cgroup: host.cgroups.belts,
      changesUid: host.changesUid,
      limitsProcesses: host.script.spareProcesses !== null,
      works: failure === null,
    }),
  };
}
