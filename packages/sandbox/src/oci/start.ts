import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Duplex, Readable } from "node:stream";
import { readMessage } from "../bubblewrap/start.ts";
import type { StartFailure } from "../bubblewrap/start.ts";
import type { RunGroup } from "../cgroup/types.ts";
import { NO_CALLS } from "../denied-calls/watched.ts";
import type { DeniedCallLog } from "../denied-calls/watched.ts";
import { ARCHIVE_FD } from "../launcher/collect.ts";
import { LAUNCHER_FDS } from "../launcher/script.ts";
import { descendantsOf, killChildOf } from "../process/family.ts";
import type { Pipe, SlotPipes } from "../process/fifo.ts";
import { closingDescriptors } from "../process/inherited.ts";
import { startChild } from "../process/spawn.ts";
import type { Child, ChildFd } from "../process/spawn.ts";
import type { RunningSandbox } from "../run/supervise.ts";
import { containerPid, removeContainer, runArgs } from "./container.ts";
import type { Bundle } from "./container.ts";
import type { Ready } from "./prepare.ts";
import { DIE_WITH_RUNTIME } from "./script.ts";
import { splitAt } from "./split.ts";

export interface ContainerOptions {
  readonly bundle: Bundle;
  readonly pipes: SlotPipes;
  readonly group: RunGroup | null;
  /** Sent to the launcher, which unpacks it and says `ready`. */
  readonly archive: Uint8Array;
  readonly compiles: boolean;
  /** The launcher gives back files; default: false. */
  readonly collects?: boolean;
  /** Where the compile step's output ends. */
  readonly compileEndMark: string;
  /** The launcher becomes something that speaks otherwise on the control socket; default: false. */
  readonly becomesAgent?: boolean;
  /** What counts in the group and is none of the program's affair, in processes. */
  readonly ownProcesses: number;
  readonly signal: AbortSignal | undefined;
}

/** In its control group; its launcher waits for `go`. */
export interface StartedContainer {
  /** The container's first process, on the host. */
  readonly innerPid: number;
  readonly sandbox: RunningSandbox;
  /** False once the runtime has ended, or the launcher can be spoken to no more. */
  readonly isAlive: boolean;
  /** What the program was refused so far. */
  deniedCalls(): DeniedCallLog;
  /** Ends what is left, and removes it. To be called when the sandbox has ended, or was killed. */
  close(): Promise<void>;
}

/** An idle host takes 30 ms (runc) or 150 ms (runsc). */
const SETUP_DEADLINE_MS = 20_000;
/** How long the runtime may take to clean up after its container has been killed, or was never wanted. */
const RUNTIME_END_MS = 5_000;
const GIVEN_UP_END_MS = 1_000;

/** The first line that comes; null when the stream ends, or takes too long. Reads nothing beyond it: nothing is sent. */
export function firstLine(stream: Duplex, signal: AbortSignal | undefined): Promise<string | null> {
  return new Promise((resolve) => {
    let text = "";
    const finish = (line: string | null): void => {
      clearTimeout(late);
      stream.off("readable", look);
      stream.off("close", gone);
      signal?.removeEventListener("abort", gone);
      resolve(line);
    };
    const next = (): Buffer | null => stream.read() as Buffer | null;
    const look = (): void => {
      for (let chunk = next(); chunk !== null; chunk = next()) text += chunk.toString("latin1");
      const end = text.indexOf("\n");
      if (end !== -1) finish(text.slice(0, end));
    };
    const gone = (): void => finish(null);
    const late = setTimeout(gone, SETUP_DEADLINE_MS);
    stream.on("readable", look);
    stream.once("close", gone);
    signal?.addEventListener("abort", gone, { once: true });
    if (stream.closed || signal?.aborted === true) gone();
  });
}

/**
 * Puts everything that the runtime started, but not the runtime itself, into the group. Inside there is the launcher
 * alone, which starts nothing while it waits: what is started later is in the group from its beginning, memory and all.
 */
async function enterGroup(runtimePid: number, group: RunGroup): Promise<void> {
  const moved = new Set<number>();
  for (;;) {
    const fresh = descendantsOf(runtimePid).filter((pid) => !moved.has(pid));
    if (fresh.length === 0) return;
    for (const pid of fresh) {
      moved.add(pid);
      await group.add(pid);
    }
  }
}

/** The runtime, and what it has started, however far that has come. */
function killFamily(child: Child): void {
  if (child.hasEnded || child.pid === undefined) return;
  const family = descendantsOf(child.pid);
  child.kill("SIGKILL");
  for (const pid of family) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended with the others.
    }
  }
}

/** Starts the container, hands it the program's files, and puts it into its control group. */
export async function startContainer(host: Ready, options: ContainerOptions): Promise<StartedContainer | StartFailure> {
  const { runtime, tool } = host;
  const { bundle, group } = options;
  const opened: Pipe[] = [options.pipes.stdout(), options.pipes.stderr()];
  const [stdout, stderr] = opened as [Pipe, Pipe];
  const compileFds: ChildFd[] = options.compiles && !runtime.hasOwnKernel ? ["pipe", "pipe"] : [];
  const fds: ChildFd[] = ["null", stdout.childFd, stderr.childFd, "pipe", ...compileFds];
  // A runtime with its own kernel has no descriptor to spare: there the control socket ends as the archive.
  const hasArchiveFd = options.collects === true && !runtime.hasOwnKernel;
  if (hasArchiveFd) {
    while (fds.length < ARCHIVE_FD) fds.push("null");
    fds.push("pipe");
  }
  const command = [tool.path, ...runArgs(host, bundle, fds.length - 3)];
  // A runtime with its own kernel passes on descriptors 0 to 2 alone: the control socket becomes the first.
  const shuffled = runtime.hasOwnKernel ? ["/bin/sh", "-c", 'exec "$@" <&3 3>&-', "sh", ...command] : command;
  const [program, ...args] = [...DIE_WITH_RUNTIME, ...shuffled] as [string, ...string[]];
  const child: Child = startChild({
    // Ctrl-C at the terminal is the service's: it decides whether programs may finish.
    detached: true,
    ...closingDescriptors(host.inherited, fds.length, program, args),
    fds,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    cwd: "/",
  });
  for (const pipe of opened) pipe.closeChildEnd();
  const ended = child.ended.then(() => undefined);
  let innerPid: number | null = null;
  const kill = (): void => {
    if (child.hasEnded || child.pid === undefined) return;
    // The first process takes everything inside with it; the runtime then cleans up and ends. A launcher that has
    // not been found yet ends when its socket does.
    if (innerPid === null) child.stream(LAUNCHER_FDS.control).destroy();
    else killChildOf(child.pid, innerPid);
    group?.kill();
    // runc hands output on through a pipe of its own, and ends when that is empty: what is over a limit is read no
    // further while the program lives, and thrown away now.
    for (const { ours } of opened) ours.resume();
    const stuck = setTimeout(() => killFamily(child), innerPid === null ? GIVEN_UP_END_MS : RUNTIME_END_MS);
    void ended.then(() => clearTimeout(stuck));
  };
  const close = async (): Promise<void> => {
    for (const pipe of opened) pipe.ours.destroy();
    if (hasArchiveFd && child.pid !== undefined) child.stream(ARCHIVE_FD).destroy();
    await removeContainer(host, bundle);
  };
  const fail = async (reason: string): Promise<StartFailure> => {
    const message = readMessage(stderr.ours);
    kill();
    await ended;
    // What the runtime left running may hold the stream.
    const said = await Promise.race([message, delay(1_000).then(() => "")]);
    await close();
    return { failure: said === "" ? reason : said, missing: !existsSync(tool.path) };
  };
  if (child.pid === undefined) return await fail(`${program} cannot be started`);

  // They do not end with the compile step: the runtime itself holds its copies. The launcher's mark ends them.
  const compileStreams = (): Readable[] =>
    runtime.hasOwnKernel
      ? opened.map(({ ours }) => ours)
      : [LAUNCHER_FDS.compileStdout, LAUNCHER_FDS.compileStderr].map((fd) => child.stream(fd));
  const control = child.stream(LAUNCHER_FDS.control);
  control.write(options.archive);
  const said = await firstLine(control, options.signal);
  if (said !== "ready") {
    return await fail(options.signal?.aborted === true ? "cancelled" : `${runtime.program} did not start the launcher`);
  }
  innerPid = await containerPid(bundle);
  if (innerPid === null) return await fail(`${runtime.program} does not say which process it has started`);
  try {
    if (group !== null) await enterGroup(child.pid, group);
  } catch (error) {
    return await fail(`cannot put the sandbox into its control group: ${(error as Error).message}`);
  }
  const split = options.compiles
    ? compileStreams().map((one) => splitAt(one, Buffer.from(options.compileEndMark)))
    : [];
  const [splitOut, splitErr] = split;
  const compileOutput =
    splitOut === undefined || splitErr === undefined ? null : { stdout: splitOut.before, stderr: splitErr.before };
  const [programOut, programErr] = runtime.hasOwnKernel && options.compiles ? split.map(({ after }) => after) : [];
  if (runtime.hasOwnKernel && options.becomesAgent !== true && options.collects !== true) {
    // In order, gVisor takes as long to end as to start; and nothing of it is needed once the program has ended well.
    control.on("data", (chunk: Buffer) => {
      if (!/(^|\n)ran 0\n/.test(chunk.toString("latin1"))) return;
      group?.kill();
      if (group === null) killFamily(child);
      else child.kill("SIGKILL");
    });
  }
  return {
    get isAlive() {
      return !child.hasEnded && !control.destroyed;
    },
    innerPid,
    deniedCalls: () => host.deniedCalls?.log(bundle.id) ?? NO_CALLS,
    sandbox: {
      control,
      stdout: programOut ?? stdout.ours,
      stderr: programErr ?? stderr.ours,
      compileOutput,
      ...(options.collects === true ? { archive: hasArchiveFd ? child.stream(ARCHIVE_FD) : control } : {}),
      group,
      ownProcesses: options.ownProcesses,
      kill,
      ended,
    },
    close,
  };
}
