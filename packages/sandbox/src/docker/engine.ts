import { EngineUnavailableError } from "../errors.ts";
import type { InstalledLanguage } from "../languages/types.ts";
import { createEngineShell } from "../run/engine-shell.ts";
import { notRun, outcomeOf } from "../run/outcome.ts";
import type { OutcomeFrame } from "../run/outcome.ts";
import type { RunPlan } from "../run/plan.ts";
import { supervise } from "../run/supervise.ts";
import type { Engine, IsolationLevel, RunOptions, RunOutcome } from "../types.ts";
import { CALL_TIMEOUT_MS, makeReady } from "./prepare.ts";
import type { Ready } from "./prepare.ts";
import { probe } from "./probe.ts";
import { levelOf, NAME } from "./settings.ts";
import type { DockerOptions } from "./settings.ts";
import { startContainer } from "./start.ts";
import type { StartedContainer } from "./start.ts";

/** What is in the writable places is for the launcher to say. */
const UNKNOWN_FILL = { givenBytes: null } as const;
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
    await removeLeftovers(host);
    let started: Awaited<ReturnType<typeof startContainer>>;
    try {
      started = await startContainer(host, slot, plan, runOptions.signal);
    } catch (error) {
      return notRun(frame(), "sandbox_failed", `the Docker daemon: ${(error as Error).message}`);
    }
    if ("failure" in started) {
      return runOptions.signal?.aborted === true
        ? notRun(frame(), "cancelled", "cancelled before it started")
        : notRun(frame(), "sandbox_failed", started.failure);
    }
    const setup = frame();
    const steps = { compileLimits: plan.compileLimits, runLimits: plan.limits, ...UNKNOWN_FILL };
    const supervised = await supervise(started.sandbox, steps, runOptions).catch(async (error: unknown) => {
      await remove(started);
      throw error;
    });
    const remains = await remove(started);
    // Until it is gone nobody can say that the program has ended: the reason that we had to end it does not count.
    if (remains !== null) return notRun(setup, "sandbox_failed", `the container is not removed: ${remains}`);
    return outcomeOf(setup, supervised, started.fault() ?? "the container ended without a report");
  };

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
      probe: async (host) => await probe(host),
      runIn,
    },
  );
  return {
    ...shell,
    languages,
    run: async (spec, runOptions) => {
      const report = await shell.probe();
      if (!report.available) throw new EngineUnavailableError(NAME, report.reason ?? "it is not available", report.fix);
      return await shell.run(spec, runOptions);
    },
  };
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
      throw new EngineUnavailableError(NAME, `the Docker daemon does not answer: ${(error as Error).message}`, FIX);
    }
  }
}
