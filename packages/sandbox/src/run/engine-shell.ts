import { setImmediate as nextTurn } from "node:timers/promises";
import { judge } from "../behaviour/judge.ts";
import { EngineUnavailableError } from "../errors.ts";
import type { InstalledLanguage } from "../languages/types.ts";
import type { LimitBounds } from "../limits.ts";
import type { NetworkOptions } from "../network/open.ts";
import type { Session, SessionSpec } from "../session/types.ts";
import type { Engine, IsolationLevel, ProbeReport, RunOptions, RunOutcome, RunSpec } from "../types.ts";
import { notRun } from "./outcome.ts";
import { planRun } from "./plan.ts";
import type { RunPlan } from "./plan.ts";
import { createSlots } from "./slots.ts";

/** Network, files and sandboxes that stay are said of each engine. */
const WHICH_CAN = "use one that can: `crucible engines --json` says which";

/** What every engine is made from. */
export interface EngineOptions {
  readonly languages: readonly InstalledLanguage[];
  readonly bounds: LimitBounds;
  /** Runs at the same time, at most 64; further ones wait. */
  readonly slots: number;
  /** Slots to take turns in, so that one is ready while another is cleared away; default: what suits the engine. */
  readonly places?: number;
  /** What runs may reach at most. Default: nothing. */
  readonly network?: NetworkOptions;
}

/** Has this done after the outcome was given back, and before the slot is used again. */
export type Tidy = (work: () => Promise<void>) => void;

/** The part that differs between engines. */
export interface EngineCore<Host extends { readonly resources: Disposable }> {
  /** Makes once what all runs share. @throws EngineUnavailableError naming what is missing. */
  makeReady(): Promise<Host>;
  /** Tries the engine for real. */
  probe(host: Host): Promise<ProbeReport>;
  /**
   * One run in a slot that is its own. Gives values for every end; throws only EngineUnavailableError. When it resolves
   * nothing of the program runs any more; what else is to be cleared away may be left to `tidy`.
   */
  runIn(
    host: Host,
    slot: number,
    plan: RunPlan,
    options: RunOptions,
    startedAt: number,
    tidy: Tidy,
  ): Promise<RunOutcome>;
  /** Whether `runIn` heeds `plan.network`; a run that wants one is refused otherwise. */
  readonly hasNetwork?: boolean;
  /** Whether `runIn` heeds `plan.artifacts`; a run that wants them is refused otherwise. */
  readonly hasArtifacts?: boolean;
  /** Whether `openSession` heeds `spec.image`; a session that names one is refused otherwise. */
  readonly hasImages?: boolean;
  /** How well a free slot suits the run; the highest is taken. Absent where they are all alike. */
  rank?(slot: number, plan: RunPlan): number;
  /** Absent where the engine has no sessions. @throws EngineUnavailableError, SpecError, Error with the reason. */
  openSession?(host: Host, spec: SessionSpec): Promise<Session>;
  /** Ends what is kept between runs, before the host's resources go. */
  close?(): Promise<void>;
}

/** Checking, waiting for a slot, cancelling and closing: the same for every engine. */
export function createEngineShell<Host extends { readonly resources: Disposable }>(
  name: string,
  isolation: IsolationLevel,
  options: EngineOptions,
  core: EngineCore<Host>,
): Engine {
  const slots = createSlots(options.places ?? options.slots, options.slots);
  const running = new Map<AbortController, Promise<unknown>>();
  const tidying = new Set<Promise<void>>();
  let closed = false;
  let readying: Promise<Host> | undefined;
  let report: Promise<ProbeReport> | undefined;

  // A failure is not kept: what was missing may have been installed by the next time.
  const ready = (): Promise<Host> => {
    readying ??= core.makeReady().catch((error: unknown) => {
      readying = undefined;
      throw error;
    });
    return readying;
  };
  const probe = async (): Promise<ProbeReport> => {
    try {
      return {
        ...(await core.probe(await ready())),
        network: core.hasNetwork === true,
        artifacts: core.hasArtifacts === true,
        sessions: core.openSession !== undefined,
        images: core.hasImages === true,
      };
    } catch (error) {
      const fix = error instanceof EngineUnavailableError ? error.fix : null;
      return {
        engine: name,
        isolation,
        available: false,
        version: null,
        reason: (error as Error).message,
        fix,
        belts: [],
      };
    }
  };
  const runInSlot = async (
    host: Host,
    plan: RunPlan,
    runOptions: RunOptions,
    startedAt: number,
  ): Promise<RunOutcome> => {
    let slot: number;
    try {
      slot = await slots.take(runOptions.signal, (one) => core.rank?.(one, plan) ?? 0);
    } catch (error) {
      if (error instanceof EngineUnavailableError) throw error;
      return notRun({ engine: name, isolation, plan, setupMs: 0 }, "cancelled", "cancelled before it started");
    }
    const work: (() => Promise<void>)[] = [];
    try {
      const outcome = judge(
        await core.runIn(host, slot, plan, runOptions, startedAt, (one) => work.push(one)),
        plan.decoy,
      );
      giveBack(slot, work);
      return outcome;
    } catch (error) {
      if (error instanceof EngineUnavailableError) {
        giveBack(slot, work);
        throw error;
      }
      retire(slot);
      await Promise.allSettled(work.map((one) => one()));
      const frame = { engine: name, isolation, plan, setupMs: performance.now() - startedAt };
      return notRun(frame, "sandbox_failed", `slot ${slot} was given up: ${(error as Error).message}`);
    }
  };
  /** Something of the run may still be there: its slot, and with it its uid, is not used again. */
  const retire = (slot: number): void =>
    slots.retire(
      slot,
      new EngineUnavailableError(name, "every slot was given up after a failed clean-up", "restart the server"),
    );
  const giveBack = (slot: number, work: readonly (() => Promise<void>)[]): void => {
    if (work.length === 0) return slots.give(slot);
    slots.leave(slot);
    const tidied = tidyUp(slot, work);
    tidying.add(tidied);
    void tidied.then(() => tidying.delete(tidied));
  };
  const tidyUp = async (slot: number, work: readonly (() => Promise<void>)[]): Promise<void> => {
    // Not before whoever waits for the outcome has it.
    await nextTurn();
    try {
      await Promise.all(work.map((one) => one()));
      slots.give(slot);
    } catch {
      retire(slot);
    }
  };

  return {
    name,
    isolation,
    probe: () => {
      report ??= probe().then((found) => {
        if (!found.available) report = undefined;
        return found;
      });
      return report;
    },
    run: async (spec: RunSpec, runOptions: RunOptions = {}) => {
      const startedAt = performance.now();
      if (closed) throw new EngineUnavailableError(name, "the engine has been closed", null);
      const plan = planRun(spec, options.languages, options.bounds, options.network?.allow);
      if (plan.network.length > 0 && core.hasNetwork !== true)
        throw new EngineUnavailableError(name, `engine ${name} cannot give a run a network`, WHICH_CAN);
      if (plan.artifacts !== null && core.hasArtifacts !== true)
        throw new EngineUnavailableError(name, `engine ${name} cannot give back files of a run`, WHICH_CAN);
      const host = await ready();
      const ending = new AbortController();
      const signal =
        runOptions.signal === undefined ? ending.signal : AbortSignal.any([runOptions.signal, ending.signal]);
      const run = runInSlot(host, plan, { ...runOptions, signal }, startedAt);
      running.set(ending, run);
      try {
        return await run;
      } finally {
        running.delete(ending);
      }
    },
    openSession: async (spec) => {
      if (closed) throw new EngineUnavailableError(name, "the engine has been closed", null);
      if (core.openSession === undefined)
        throw new EngineUnavailableError(name, `engine ${name} has no sandboxes that stay`, WHICH_CAN);
      if (spec.image !== undefined && core.hasImages !== true)
        throw new EngineUnavailableError(name, `engine ${name} has no images to choose from`, "use the engine docker");
      return core.openSession(await ready(), spec);
    },
    close: async () => {
      closed = true;
      for (const one of running.keys()) one.abort(new Error("engine closed"));
      await Promise.allSettled(running.values());
      await Promise.all(tidying);
      await core.close?.();
      const host = await readying?.catch(() => undefined);
      readying = undefined;
      host?.resources[Symbol.dispose]();
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
  };
}
