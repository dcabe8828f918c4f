import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openCgroups } from "../cgroup/host.ts";
import type { CgroupHost } from "../cgroup/types.ts";
import { EngineUnavailableError } from "../errors.ts";
import type { InstalledLanguage } from "../languages/types.ts";
import { launcherScript } from "../launcher/script.ts";
import type { ScriptOptions } from "../launcher/script.ts";
import { probeShell, SHELL } from "../launcher/shell.ts";
import type { LimitBounds } from "../limits.ts";
import { createSlotPipes } from "../process/fifo.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { openScratch } from "../process/scratch.ts";
import { notRun, outcomeOf } from "../run/outcome.ts";
import type { OutcomeFrame } from "../run/outcome.ts";
import { commandsOf, planRun } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import { createSlots } from "../run/slots.ts";
import { supervise } from "../run/supervise.ts";
import { compileFilter, seccompArch } from "../seccomp/compile.ts";
import type { Engine, ProbeReport, RunOptions, RunOutcome, RunSpec } from "../types.ts";
import { boxArgs, parentDirs, sharedArgs } from "./args.ts";
import type { SharedArgs } from "./args.ts";
import { INSIDE, writeEtc } from "./layout.ts";
import { reachableNode } from "./node-binary.ts";
import { beltsOf, findBwrap, INSTALL_FIX, namespaceFix } from "./probe.ts";
import { readMessage, startSandbox } from "./start.ts";
import { slotUid } from "./uids.ts";

const NAME = "bubblewrap";

export interface BubblewrapOptions {
  readonly languages: readonly InstalledLanguage[];
  readonly bounds: LimitBounds;
  /** Runs at the same time, at most 64; further ones wait. */
  readonly slots: number;
  /** Default: `bwrap` in the system directories. */
  readonly bwrapPath?: string;
}

/** Everything that is made once, at the first probe. */
interface Ready {
  readonly bwrap: string;
  readonly version: string;
  readonly cgroups: CgroupHost;
  readonly pipes: readonly SlotPipes[];
  readonly shared: SharedArgs;
  readonly filterPath: string;
  readonly script: ScriptOptions;
  readonly nodePath: string;
  readonly changesUid: boolean;
  readonly resources: DisposableStack;
}

/** Namespaces through bubblewrap, with a seccomp allow-list and a control group for every run. */
export function createBubblewrapEngine(options: BubblewrapOptions): Engine {
  const slots = createSlots(options.slots);
  const running = new Set<AbortController>();
  const idle: (() => void)[] = [];
  let runNumber = 0;
  let closed = false;
  let readying: Promise<Ready> | undefined;
  let report: Promise<ProbeReport> | undefined;
  // An engine that could not be made ready is asked again at the next probe: the cause may have been mended.
  const ready = (): Promise<Ready> => {
    readying ??= makeReady(options).catch((error: unknown) => {
      readying = undefined;
      throw error;
    });
    return readying;
  };

  const runIn = async (host: Ready, slot: number, plan: RunPlan, runOptions: RunOptions, startedAt: number): Promise<RunOutcome> => {
    const frame = (): OutcomeFrame => ({ engine: NAME, isolation: "namespace", plan, setupMs: performance.now() - startedAt });
    const insideNode = (path: string): string => (path === process.execPath ? INSIDE.node : path);
    const commands = commandsOf(plan, INSIDE.build, insideNode);
    const usesNode = commands.run[0] === INSIDE.node;
    const filesBytes = plan.files.reduce((sum, file) => sum + file.content.length, 0);
    runNumber += 1;
    const group = host.cgroups.belts.detail.startsWith("no ") ? null : host.cgroups.create(`r${runNumber}`);
    try {
      const started = await startSandbox({
        bwrap: host.bwrap,
        args: [
          ...host.shared.before,
          ...(usesNode ? ["--ro-bind", host.nodePath, INSIDE.node] : []),
          ...Object.entries(plan.language.definition.env ?? {}).flatMap(([name, value]) => ["--setenv", name, value]),
          ...boxArgs(Math.max(plan.limits.diskBytes, plan.compileLimits?.diskBytes ?? 0), filesBytes + plan.stdin.length),
          ...parentDirs(plan.files).flatMap((dir) => ["--dir", `${INSIDE.cwd}/${dir}`]),
        ],
        argsAfter: host.shared.after,
        command: [
          SHELL,
          "-c",
          launcherScript(
            {
              compile: commands.compile === null || plan.compileLimits === null ? null : { argv: commands.compile, limits: plan.compileLimits },
              runLimits: plan.limits,
              env: plan.env,
              stdinPath: plan.stdin.length === 0 ? null : INSIDE.stdin,
              writableDirs: [INSIDE.box],
            },
            host.script,
          ),
          "sh",
          ...commands.run,
        ],
        files: plan.files,
        stdin: plan.stdin,
        compiles: commands.compile !== null,
        filterPath: host.filterPath,
        pipes: host.pipes[slot] as SlotPipes,
        uid: host.changesUid ? slotUid(slot) : undefined,
        group,
      });
      if ("failure" in started) {
        if (started.missing) throw new EngineUnavailableError(NAME, `${host.bwrap} cannot be started: ${started.failure}`, INSTALL_FIX);
        return notRun(frame(), "sandbox_failed", started.failure);
      }
      const setup = frame();
      const supervising = supervise(started.sandbox, { compileLimits: plan.compileLimits, runLimits: plan.limits, filesBytes }, runOptions);
      started.release();
      const supervised = await supervising;
      const isBroken = (supervised.run ?? supervised.compile)?.status === "sandbox_failed";
      const message = !isBroken ? "" : await brokenMessage(supervised.run?.stderr, started.sandbox.stderr);
      started.close();
      return outcomeOf(setup, supervised, message);
    } finally {
      await group?.destroy();
    }
  };

  return {
    name: NAME,
    isolation: "namespace",
    probe: () => {
      report ??= probe(options, ready).then((found) => {
        if (!found.available) report = undefined;
        return found;
      });
      return report;
    },
    run: async (spec: RunSpec, runOptions: RunOptions = {}) => {
      const startedAt = performance.now();
      if (closed) throw new EngineUnavailableError(NAME, "the engine has been closed", null);
      const plan = planRun(spec, options.languages, options.bounds);
      const host = await ready();
      const ending = new AbortController();
      const signal = runOptions.signal === undefined ? ending.signal : AbortSignal.any([runOptions.signal, ending.signal]);
      running.add(ending);
      try {
        let slot: number;
        try {
          slot = await slots.take(signal);
        } catch {
          return notRun({ engine: NAME, isolation: "namespace", plan, setupMs: 0 }, "cancelled", "cancelled before it started");
        }
        try {
          return await runIn(host, slot, plan, { ...runOptions, signal }, startedAt);
        } finally {
          slots.give(slot);
        }
      } finally {
        running.delete(ending);
        if (running.size === 0) for (const tell of idle.splice(0)) tell();
      }
    },
    close: async () => {
      closed = true;
      for (const one of running) one.abort(new Error("engine closed"));
      if (running.size > 0) await new Promise<void>((resolve) => idle.push(resolve));
      (await readying?.catch(() => undefined))?.resources.dispose();
    },
    async [Symbol.asyncDispose]() {
      await this.close();
    },
  };
}

async function brokenMessage(kept: Uint8Array | undefined, stream: Parameters<typeof readMessage>[0]): Promise<string> {
  const message = kept === undefined ? await readMessage(stream) : new TextDecoder().decode(kept.subarray(0, 4096)).trim();
  return message === "" ? "the sandbox ended without a report" : message;
}

/** @throws EngineUnavailableError when bwrap is missing, too old, or there is no filter for this processor. */
async function makeReady(options: BubblewrapOptions): Promise<Ready> {
  const found = await findBwrap(options.bwrapPath);
  if (!("tool" in found)) throw new EngineUnavailableError(NAME, found.reason, found.fix);
  const arch = seccompArch(process.arch);
  if (arch === null) throw new EngineUnavailableError(NAME, `no seccomp filter for processor ${process.arch}`, "use x86-64 or arm64");
  const changesUid = process.getuid?.() === 0;
  const script = await probeShell();
  using stack = new DisposableStack();
  const cgroups = stack.use(openCgroups());
  const scratch = stack.use(openScratch(NAME));
  const filterPath = join(scratch.dir, "seccomp.bpf");
  writeFileSync(filterPath, compileFilter({ arch }));
  const etcDir = join(scratch.dir, "etc");
  writeEtc(etcDir);
  const pipeDir = join(scratch.dir, "pipes");
  mkdirSync(pipeDir, { mode: 0o700 });
  const pipes = await createSlotPipes(pipeDir, options.slots, (slot) => (changesUid ? slotUid(slot) : undefined));
  return {
    bwrap: found.tool.path,
    version: found.tool.version,
    cgroups,
    pipes,
    shared: sharedArgs(etcDir),
    filterPath,
    script: { ...script, limitProcesses: changesUid, limitData: !cgroups.belts.memory },
    nodePath: reachableNode(changesUid),
    changesUid,
    resources: stack.move(),
  };
}

/** Says what this host gives, by running a sandbox with every defence on. */
async function probe(options: BubblewrapOptions, ready: () => Promise<Ready>): Promise<ProbeReport> {
  const base = { engine: NAME, isolation: "namespace" } as const;
  let host: Ready;
  try {
    host = await ready();
  } catch (error) {
    const fix = error instanceof EngineUnavailableError ? error.fix : null;
    return { ...base, available: false, version: null, reason: (error as Error).message, fix, belts: [] };
  }
  const started = await startSandbox({
    bwrap: host.bwrap,
    args: [...host.shared.before, ...boxArgs(options.bounds.min.diskBytes, 0)],
    argsAfter: host.shared.after,
    command: [SHELL, "-c", "echo ready >&3"],
    files: [],
    stdin: new Uint8Array(),
    compiles: false,
    filterPath: host.filterPath,
    pipes: host.pipes[0] as SlotPipes,
    uid: host.changesUid ? slotUid(0) : undefined,
    group: null,
  });
  let failure: string | null;
  if ("failure" in started) failure = started.failure;
  else {
    started.release();
    const said = await readMessage(started.sandbox.status);
    failure = said === "ready" ? null : await readMessage(started.sandbox.stderr);
    await started.sandbox.ended;
    started.close();
  }
  return {
    ...base,
    available: failure === null,
    version: host.version,
    reason: failure === null ? null : `bubblewrap cannot make a sandbox here: ${failure}`,
    fix: failure === null ? null : namespaceFix(),
    belts: beltsOf(host.cgroups.belts, host.changesUid, failure === null),
  };
}
