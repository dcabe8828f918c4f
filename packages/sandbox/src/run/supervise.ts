import type { Duplex, Readable } from "node:stream";
import { readArtifacts } from "../artifacts/read.ts";
import type { ArtifactLimits, Artifacts } from "../artifacts/types.ts";
import { FRESH_USAGE } from "../cgroup/types.ts";
import type { GroupUsage, RunGroup } from "../cgroup/types.ts";
import { readStatus } from "../launcher/status.ts";
import type { LauncherMessage } from "../launcher/status.ts";
import { tap } from "../process/tap.ts";
import type { Tap } from "../process/tap.ts";
import type { Limits, OutputChunk, RunOptions, StepResult } from "../types.ts";
import { classify } from "./classify.ts";
import type { StepEvidence } from "./classify.ts";
import { watchStep } from "./step-watch.ts";
import type { StepWatch, StopStatus } from "./step-watch.ts";

/** A sandbox whose launcher waits for `go`, as every launcher-based engine hands it over. */
export interface RunningSandbox {
  /** The launcher's socket: its messages come from it, ours go to it. */
  readonly control: Duplex;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Null without a compile step. */
  readonly compileOutput: { readonly stdout: Readable; readonly stderr: Readable } | null;
  /** The archive of what a run gives back; absent where nothing is. May be `control`, which is nothing else then. */
  readonly archive?: Readable;
  readonly group: RunGroup | null;
  /** Processes of the sandbox's own that are in the group, and none of the program's affair. */
  readonly ownProcesses: number;
  /** Ends everything inside; may be called more than once. */
  kill(): void;
  /** Everything inside has ended. */
  readonly ended: Promise<void>;
}

export interface StepPlan {
  readonly compileLimits: Limits | null;
  readonly runLimits: Limits;
  /** What we put on the tmpfs before the program wrote anything; null where files are not on a tmpfs. */
  readonly givenBytes: number | null;
  /** Of what the run gives back, where the sandbox has an archive. */
  readonly artifacts?: ArtifactLimits | null;
}

export interface Supervised {
  readonly compile: StepResult | null;
  /** Null when the compile step failed. */
  readonly run: StepResult | null;
  readonly statusFlooded: boolean;
  /** Something that the program had started was still there when it ended. */
  readonly processesLeft: boolean;
  /** Null where nothing was collected. */
  readonly artifacts?: Artifacts | null;
}

/** Output can lag behind the death of its writers by a read or two, never by this much. */
const DRAIN_DEADLINE_MS = 2_000;
/** For the launcher's last look and the end of what the program left behind; at the program's expense. */
const END_DEADLINE_MS = 1_000;
/** For the archive of what the run gives back; beside the program's own time. */
const COLLECT_DEADLINE_MS = 2_000;
/** What collecting may take beside what the program has left in use: tar with its list of names, and its processes. */
const COLLECT_ROOM = { memoryBytes: 32 * 1024 * 1024, pids: 8 } as const;

interface Step {
  readonly name: OutputChunk["step"];
  readonly limits: Limits;
  readonly watch: StepWatch;
  readonly stdout: Tap;
  readonly stderr: Tap;
  /** The group's counters when the step began; null without a group. */
  readonly before: GroupUsage | null;
  wallMs: number | null;
  /** The counters as the program left them, where something runs after it. */
  after: GroupUsage | null;
  report: Extract<LauncherMessage, { kind: "compiled" | "ran" }> | null;
  full: { diskFull: boolean; fileFull: boolean };
}

async function drained(taps: readonly Tap[]): Promise<void> {
  const late = setTimeout(() => {
    for (const one of taps) one.close();
  }, DRAIN_DEADLINE_MS);
  await Promise.all(taps.map((one) => one.done));
  clearTimeout(late);
}

/**
 * Drives one sandbox through its steps; every end of the program is a value.
 * @throws Error when the control group refuses its limits: nothing has been started then.
 */
export async function supervise(sandbox: RunningSandbox, plan: StepPlan, options: RunOptions): Promise<Supervised> {
  const { group } = sandbox;
  let stopped: StopStatus | null = null;
  let current: Step;

  const limitGroup = (limits: Limits): void => group?.limit({ ...limits, pids: limits.pids + sandbox.ownProcesses });
  const stop = (status: StopStatus): void => {
    stopped ??= status;
    current.wallMs ??= current.watch.elapsedMs();
    sandbox.kill();
  };
  const begin = (name: Step["name"], limits: Limits, before: GroupUsage | null, out: Readable, err: Readable): Step => {
    const onChunk = (stream: "stdout" | "stderr") => (bytes: Uint8Array) =>
      options.onOutput?.({ step: name, stream, bytes });
    return {
      name,
      limits,
      watch: watchStep(limits, group, before?.cpuMs ?? null, stop),
      stdout: tap(out, limits.stdoutBytes, onChunk("stdout"), () => stop("output_exceeded")),
      stderr: tap(err, limits.stderrBytes, onChunk("stderr"), () => stop("output_exceeded")),
      before,
      wallMs: null,
      after: null,
      report: null,
      full: { diskFull: false, fileFull: false },
    };
  };
  const result = (step: Step): StepResult => {
    const usage = step.after ?? group?.usage() ?? null;
    const cpuMs = usage?.cpuMs == null ? (step.report?.childCpuMs ?? null) : usage.cpuMs - (step.before?.cpuMs ?? 0);
    const evidence: StepEvidence = {
      stopped,
      report: step.report,
      ...step.full,
      stdoutTruncated: step.stdout.truncated,
      stderrTruncated: step.stderr.truncated,
      cpuMs,
      group:
        usage === null
          ? null
          : {
              oomKills: usage.oomKills - (step.before?.oomKills ?? 0),
              refusedForks: usage.refusedForks - (step.before?.refusedForks ?? 0),
            },
    };
    return {
      ...classify(evidence, step.limits),
      stdout: step.stdout.bytes(),
      stderr: step.stderr.bytes(),
      stdoutTruncated: step.stdout.truncated,
      stderrTruncated: step.stderr.truncated,
      wallMs: step.wallMs ?? step.watch.elapsedMs(),
      cpuMs,
      peakMemoryBytes: usage?.peakMemoryBytes ?? null,
    };
  };

  // A file can only have hit a limit if the tmpfs holds that much: saves two processes on most failures.
  const mayBeFull = (step: Step): boolean => {
    const bytes = plan.givenBytes === null ? null : (group?.tmpfsBytes() ?? null);
    if (bytes === null || plan.givenBytes === null) return true;
    return bytes >= (Math.min(step.limits.diskBytes, step.limits.fileSizeBytes) - plan.givenBytes) * 0.9;
  };

  const fresh = group === null ? null : FRESH_USAGE;
  let compile: Step | null = null;
  let compileResult: StepResult | null = null;
  if (plan.compileLimits !== null && sandbox.compileOutput !== null) {
    limitGroup(plan.compileLimits);
    compile = begin("compile", plan.compileLimits, fresh, sandbox.compileOutput.stdout, sandbox.compileOutput.stderr);
    current = compile;
  } else {
    limitGroup(plan.runLimits);
    current = begin("run", plan.runLimits, fresh, sandbox.stdout, sandbox.stderr);
  }

  const finishCompile = async (step: Step): Promise<void> => {
    await drained([step.stdout, step.stderr]);
    compileResult = result(step);
    if (compileResult.status !== "exited" || compileResult.exitCode !== 0 || stopped !== null) {
      sandbox.control.write("stop\n");
      return;
    }
    try {
      limitGroup(plan.runLimits);
      group?.resetPeak();
    } catch {
      // The compiler left more in memory than the program may have: the run cannot start within its limit.
      sandbox.control.write("stop\n");
      return;
    }
    current = begin("run", plan.runLimits, group?.usage() ?? null, sandbox.stdout, sandbox.stderr);
    sandbox.control.write("go\n");
  };

  const archive =
    sandbox.archive === undefined || plan.artifacts == null ? null : { from: sandbox.archive, limits: plan.artifacts };
  let collecting: Promise<Artifacts> | undefined;
  const collect = (step: Step): void => {
    if (archive === null || collecting !== undefined || step.report === null) return;
    clearTimeout(ending);
    ending = setTimeout(sandbox.kill, COLLECT_DEADLINE_MS);
    step.after = group?.usage() ?? null;
    const { memoryBytes, pids } = step.limits;
    try {
      limitGroup({
        ...step.limits,
        memoryBytes: memoryBytes + COLLECT_ROOM.memoryBytes,
        // What the program has left is ended first, and counts until it is gone.
        pids: 2 * pids + COLLECT_ROOM.pids,
      });
    } catch {
      // Then it has to do with what the program had.
    }
    if (archive.from === sandbox.control) stopReading();
    collecting = readArtifacts(archive.from, archive.limits).finally(sandbox.kill);
    sandbox.control.write("collect\n");
  };
  const onMessage = (message: LauncherMessage): void => {
    const step = current;
    if (message.kind === "checked") {
      step.full = { diskFull: message.diskFull, fileFull: message.fileFull };
      collect(step);
      return;
    }
    if (step.report !== null || (message.kind === "compiled") !== (step.name === "compile")) return;
    step.report = message;
    step.wallMs = step.watch.elapsedMs();
    step.watch.stop();
    if (step.name === "compile") void finishCompile(step);
    else {
      // A program that has taken over the launcher may say that it has ended and go on: nothing outlives this.
      ending = setTimeout(sandbox.kill, END_DEADLINE_MS);
      const looks = message.code !== 0 && mayBeFull(step);
      if (looks) sandbox.control.write("check\n");
      else if (archive !== null) collect(step);
      else if (message.code !== 0) sandbox.control.write("bye\n");
    }
  };
  let ending: NodeJS.Timeout | undefined;
  let statusFlooded = false;
  let stopReading = (): void => undefined;
  const statusClosed = new Promise<void>((resolve) => {
    stopReading = readStatus(sandbox.control, onMessage, (flooded) => {
      statusFlooded = flooded;
      if (flooded) sandbox.kill();
      resolve();
    });
  });

  const onAbort = (): void => stop("cancelled");
  if (options.signal?.aborted === true) onAbort();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  sandbox.control.write("go\n");
  await sandbox.ended;
  clearTimeout(ending);
  options.signal?.removeEventListener("abort", onAbort);
  // bwrap may be gone, ended by the host, while what it started still holds the socket: that must not hold us.
  const orphaned = setTimeout(() => {
    group?.kill();
    sandbox.control.destroy();
  }, DRAIN_DEADLINE_MS);
  await statusClosed;
  clearTimeout(orphaned);
  current.watch.stop();
  await drained([current.stdout, current.stderr]);

  if (compile !== null && current === compile) {
    return { compile: compileResult ?? result(compile), run: null, statusFlooded, processesLeft: false };
  }
  const processesLeft = current.report?.processesLeft ?? false;
  return {
    compile: compileResult,
    run: result(current),
    statusFlooded,
    processesLeft,
    artifacts: (await collecting) ?? null,
  };
}
