import { withSeen } from "../behaviour/judge.ts";
import { watchRoutes } from "../behaviour/unroutable.ts";
import { EngineUnavailableError } from "../errors.ts";
import type { InstalledLanguage } from "../languages/types.ts";
import { openNetwork, withNetwork } from "../network/open.ts";
import type { NetworkOptions } from "../network/open.ts";
import type { Proxy } from "../network/proxy.ts";
import { createEngineShell } from "../run/engine-shell.ts";
import { notRun, outcomeOf } from "../run/outcome.ts";
import type { OutcomeFrame } from "../run/outcome.ts";
import type { RunPlan } from "../run/plan.ts";
import { supervise } from "../run/supervise.ts";
import type { Supervised } from "../run/supervise.ts";
import type { Engine, IsolationLevel, RunOptions, RunOutcome } from "../types.ts";
import { imageOf } from "./images.ts";
import { CALL_TIMEOUT_MS, makeReady } from "./prepare.ts";
import type { Ready } from "./prepare.ts";
import { probe } from "./probe.ts";
import { createDockerSessions } from "./session.ts";
import { levelOf, NAME } from "./settings.ts";
import type { DockerOptions } from "./settings.ts";
import { startContainer } from "./start.ts";
import type { StartedContainer } from "./start.ts";
import { faultWords } from "./words.ts";

/** What is in the writable places is for the launcher to say. */
const UNKNOWN_FILL = { givenBytes: null } as const;
const TAR_FIX = "install tar in the image, or name another in CRUCIBLE_DOCKER_IMAGES";
const FIX = "see whether the Docker daemon runs";

/** The level of the runtime that is configured; of one that is not known, the probe says so. */
function isolationOf({ docker }: DockerOptions): IsolationLevel {
  try {
    return levelOf(docker?.runtime ?? "runc");
  } catch {
    return "container";
  }
}

/** Containers of a Docker daemon, also a remote one: nothing of this host is in them. */
export function createDockerEngine(options: DockerOptions): Engine {
  const isolation = isolationOf(options);
  // Filled when the images have been looked into: what they hold is not known before.
  const languages: InstalledLanguage[] = [];
  let seesContainers = false;

  const runIn = async (
    host: Ready,
    slot: number,
    plan: RunPlan,
    runOptions: RunOptions,
    startedAt: number,
  ): Promise<RunOutcome> => {
    const frame = (): OutcomeFrame => ({
      engine: NAME,
      isolation,
      plan,
      setupMs: performance.now() - startedAt,
    });
    const image = imageOf(host.settings.images, plan.language) ?? "";
    if (plan.artifacts !== null && host.tools.get(image)?.hasGnuTar !== true)
      throw new EngineUnavailableError(NAME, `the image ${image} has no GNU tar, which gives back files`, TAR_FIX);
    let started: Awaited<ReturnType<typeof startContainer>>;
    try {
      await removeLeftovers(host);
      started = await startContainer(host, slot, plan, seesContainers, runOptions.signal);
    } catch (error) {
      if (error instanceof EngineUnavailableError) throw error;
      return notRun(frame(), "sandbox_failed", `the Docker daemon: ${faultWords(error)}`);
    }
    if ("failure" in started) {
      return runOptions.signal?.aborted === true
        ? notRun(frame(), "cancelled", "cancelled before it started")
        : notRun(frame(), "sandbox_failed", started.failure);
    }
    const setup = frame();
    const steps = {
      compileLimits: plan.compileLimits,
      runLimits: plan.limits,
      artifacts: plan.artifacts,
      ...UNKNOWN_FILL,
    };
    using routes = started.innerPid === null ? null : watchRoutes(started.innerPid);
    let proxy: Proxy | null = null;
    let supervised: Supervised;
    try {
      proxy = await networkFor(started, plan, options.network, runOptions.signal);
      supervised = await supervise(started.sandbox, steps, runOptions);
    } catch (error) {
      const remains = await remove(started);
      if (proxy !== null || remains !== null || plan.network.length === 0) throw error;
      return runOptions.signal?.aborted === true
        ? notRun(setup, "cancelled", "cancelled before it started")
        : notRun(setup, "sandbox_failed", `no network for the run: ${(error as Error).message}`);
    } finally {
      proxy?.close();
    }
    const remains = await remove(started);
    // Until it is gone nobody can say that the program has ended: the reason that we had to end it does not count.
    if (remains !== null) return notRun(setup, "sandbox_failed", `the container is not removed: ${remains}`);
    const words = started.fault() ?? "the container ended without a report";
    const outcome = withSeen(outcomeOf(setup, supervised, words), routes?.seen() ?? []);
    return proxy === null ? outcome : withNetwork(outcome, proxy.log());
  };
  const sessions = createDockerSessions({
    ...options,
    isolation,
    hasNetwork: () => seesContainers,
    before: removeLeftovers,
  });

  const shell = createEngineShell(
    NAME,
    isolation,
    { ...options, languages },
    {
      makeReady: async () => {
        const host = await makeReady(options.docker);
        languages.splice(0, languages.length, ...host.languages);
        return host;
      },
      probe: async (host) => {
        const { report, containersSeen } = await probe(host);
        seesContainers = containersSeen;
        return report;
      },
      runIn,
      // Known once it was probed, which is before the first run.
      get hasNetwork() {
        return seesContainers;
      },
      hasArtifacts: true,
      hasImages: true,
      openSession: (host, spec) => sessions.open(host, spec),
      close: () => sessions.close(),
    },
  );
  const mustBeAvailable = async (): Promise<void> => {
    const report = await shell.probe();
    if (!report.available) throw new EngineUnavailableError(NAME, report.reason ?? "it is not available", report.fix);
  };
  return {
    ...shell,
    languages,
    run: async (spec, runOptions) => {
      await mustBeAvailable();
      return await shell.run(spec, runOptions);
    },
    openSession: async (spec) => {
      await mustBeAvailable();
      if (shell.openSession === undefined) throw new Error("the engine has no sessions");
      return await shell.openSession(spec);
    },
  };
}

/** Null for a run that has none. @throws Error when the one that the run wants cannot be made. */
async function networkFor(
  { innerPid, confirm }: StartedContainer,
  { network }: RunPlan,
  options: NetworkOptions | undefined,
  signal: AbortSignal | undefined,
): Promise<Proxy | null> {
  if (network.length === 0) return null;
  if (innerPid === null) throw new Error("the container's processes cannot be seen from here");
  const proxy = await openNetwork(innerPid, network, options ?? { allow: [] }, signal);
  try {
    confirm();
    return proxy;
  } catch (error) {
    proxy.close();
    throw error;
  }
}

/** Null when the container is gone; else why not: it is tried again before the next run. */
async function remove(started: StartedContainer): Promise<string | null> {
  try {
    await started.close();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** @throws EngineUnavailableError while the daemon does not remove what an earlier run left: it may still be running. */
async function removeLeftovers(host: Ready): Promise<void> {
  for (const id of host.leftovers) {
    try {
      await host.api.remove(id, AbortSignal.timeout(CALL_TIMEOUT_MS));
      host.leftovers.delete(id);
    } catch (error) {
      throw new EngineUnavailableError(NAME, `the Docker daemon does not answer: ${faultWords(error)}`, FIX);
    }
  }
}
