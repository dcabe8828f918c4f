import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DECOY_IN_HOME } from "../behaviour/decoy.ts";
import { openCgroups } from "../cgroup/host.ts";
import type { CgroupHost, RunGroup } from "../cgroup/types.ts";
import { EngineUnavailableError } from "../errors.ts";
import { LAUNCHER_FDS, launcherScript } from "../launcher/script.ts";
import type { ScriptOptions } from "../launcher/script.ts";
import { probeShell, SHELL } from "../launcher/shell.ts";
import { createSlotPipes } from "../process/fifo.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { removeTree } from "../process/remove-tree.ts";
import { openScratch, scratchPlaces } from "../process/scratch.ts";
import { startChild } from "../process/spawn.ts";
import type { ChildFd } from "../process/spawn.ts";
import { createEngineShell } from "../run/engine-shell.ts";
import type { EngineOptions } from "../run/engine-shell.ts";
import { notRun, outcomeOf } from "../run/outcome.ts";
import { commandsOf } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import { supervise } from "../run/supervise.ts";
import type { Belt, Engine, ProbeReport, RunOptions, RunOutcome } from "../types.ts";

const NAME = "subprocess";
const REFUSAL = "the subprocess engine has no isolation";
const FIX = "set CRUCIBLE_ALLOW_UNSAFE=1 only where every program is trusted";

export interface SubprocessOptions extends EngineOptions {
  /** Must be true: without it every run and probe is refused. */
  readonly allowUnsafe: boolean;
}

interface Ready {
  readonly dir: string;
  readonly cgroups: CgroupHost;
  readonly pipes: readonly SlotPipes[];
  readonly script: ScriptOptions;
  readonly resources: DisposableStack;
}

/** Directories of one run on the host. */
function makeDirs(base: string, plan: RunPlan): Record<"cwd" | "build" | "home" | "tmp", string> & { stdin: string } {
  const dirs = { cwd: join(base, "cwd"), build: join(base, "build"), home: join(base, "home"), tmp: join(base, "tmp") };
  for (const dir of Object.values(dirs)) mkdirSync(dir, { recursive: true });
  for (const file of plan.files) {
    const path = join(dirs.cwd, file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.content);
  }
  const bait = join(dirs.home, DECOY_IN_HOME);
  mkdirSync(dirname(bait));
  writeFileSync(bait, plan.decoy.file);
  const stdin = join(base, "stdin");
  writeFileSync(stdin, plan.stdin);
  return { ...dirs, stdin };
}

/** Everything that shares the program's process group or control group is ended. */
async function endAll(killGroup: () => boolean, group: RunGroup | null): Promise<void> {
  killGroup();
  await group?.destroy();
}

/**
 * Runs the program as an ordinary child process under this user. It keeps limits, a clean environment and
 * the end of the whole process group, and isolates nothing: the level is `none`.
 */
export function createSubprocessEngine(options: SubprocessOptions): Engine {
  let runNumber = 0;

  const runIn = async (
    host: Ready,
    slot: number,
    plan: RunPlan,
    runOptions: RunOptions,
    startedAt: number,
  ): Promise<RunOutcome> => {
    const frame = { engine: NAME, isolation: "none", plan, setupMs: 0 } as const;
    runNumber += 1;
    const base = join(host.dir, `r${runNumber}`);
    const dirs = makeDirs(base, plan);
    const commands = commandsOf(plan, dirs.build);
    const group = host.cgroups.usable ? host.cgroups.create(`s${runNumber}`) : null;
    const slotPipes = host.pipes[slot] as SlotPipes;
    const stdout = slotPipes.stdout();
    const stderr = slotPipes.stderr();
    let endGroup: () => boolean = () => false;
    try {
      const compileFds: ChildFd[] = commands.compile === null ? [] : ["pipe", "pipe"];
      const script = launcherScript(
        {
          compile:
            commands.compile === null || plan.compileLimits === null
              ? null
              : { argv: commands.compile, limits: plan.compileLimits },
          runLimits: plan.limits,
          dataSlackBytes: plan.language.definition.dataSlackBytes ?? 0,
          stdinPath: plan.stdin.length === 0 ? null : dirs.stdin,
          writableDirs: [base],
        },
        host.script,
      );
      const child = startChild({
        command: SHELL,
        args: ["-c", script, "sh", ...commands.run],
        fds: ["null", stdout.childFd, stderr.childFd, "pipe", ...compileFds],
        env: {
          PATH: "/usr/local/bin:/usr/bin:/bin",
          LANG: "C.UTF-8",
          HOME: dirs.home,
          TMPDIR: dirs.tmp,
          ...plan.language.definition.env,
          ...plan.decoy.env,
        },
        cwd: dirs.cwd,
        detached: true,
      });
      endGroup = () => child.killGroup("SIGKILL");
      stdout.closeChildEnd();
      stderr.closeChildEnd();
      if (child.pid === undefined) return notRun(frame, "sandbox_failed", `${SHELL} cannot be started`);
      await group?.add(child.pid);
      const setup = { ...frame, setupMs: performance.now() - startedAt };
      const kill = (): void => {
        child.killGroup("SIGKILL");
        for (const pid of group?.pids() ?? []) {
          try {
            process.kill(pid, "SIGKILL");
          } catch {
            // Already gone.
          }
        }
      };
      const supervised = await supervise(
        {
          control: child.stream(LAUNCHER_FDS.control),
          stdout: stdout.ours,
          stderr: stderr.ours,
          compileOutput:
            commands.compile === null
              ? null
              : { stdout: child.stream(LAUNCHER_FDS.compileStdout), stderr: child.stream(LAUNCHER_FDS.compileStderr) },
          group,
          ownProcesses: 1,
          kill,
          // A background process would hold the output open: it goes when the launcher has gone.
          ended: child.ended.then(kill),
        },
        { compileLimits: plan.compileLimits, runLimits: plan.limits, givenBytes: null },
        runOptions,
      );
      return outcomeOf(setup, supervised, "the launcher ended without a report");
    } finally {
      stdout.ours.destroy();
      stderr.ours.destroy();
      await endAll(endGroup, group);
      await removeTree(base);
    }
  };

  const makeReady = async (): Promise<Ready> => {
    if (!options.allowUnsafe) throw new EngineUnavailableError(NAME, REFUSAL, FIX);
    const shell = await probeShell();
    using stack = new DisposableStack();
    const cgroups = stack.use(openCgroups());
    const [place] = scratchPlaces();
    if (place === undefined) throw new EngineUnavailableError(NAME, "no directory for temporary files", "set TMPDIR");
    const scratch = stack.use(openScratch(place));
    const pipes = await createSlotPipes(scratch.dir, options.slots, () => undefined);
    const script = { ...shell, spareProcesses: null, limitData: !cgroups.belts.memory };
    return { dir: scratch.dir, cgroups, pipes, script, resources: stack.move() };
  };

  return createEngineShell(NAME, "none", options, {
    makeReady,
    probe: (host) => Promise.resolve(report(host)),
    runIn,
  });
}

function report(host: Ready): ProbeReport {
  const { belts } = host.cgroups;
  const belt = (name: string, on: boolean, detail: string): Belt => ({ name, on, detail });
  return {
    engine: NAME,
    isolation: "none",
    available: true,
    version: null,
    reason: null,
    fix: null,
    belts: [
      belt("namespaces", false, "none: the program sees the host"),
      belt("seccomp", false, "none"),
      belt("rlimits", true, "processor time, file size, open files; each process"),
      belt("disk", false, "the size of each file is limited, not their sum"),
      belt("cgroup-memory", belts.memory, belts.detail),
      belt("cgroup-pids", belts.pids, belts.detail),
      belt("cgroup-cpu", belts.cpu, belts.detail),
    ],
  };
}
