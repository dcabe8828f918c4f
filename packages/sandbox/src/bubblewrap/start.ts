import { closeSync, existsSync, openSync } from "node:fs";
import type { Duplex, Readable } from "node:stream";
import type { RunGroup } from "../cgroup/types.ts";
import { ARCHIVE_FD } from "../launcher/collect.ts";
import { LAUNCHER_FDS } from "../launcher/script.ts";
import type { Pipe, SlotPipes } from "../process/fifo.ts";
import { closingDescriptors } from "../process/inherited.ts";
import { startChild } from "../process/spawn.ts";
import type { Child, ChildFd } from "../process/spawn.ts";
import type { RunningSandbox } from "../run/supervise.ts";
import type { SourceFile } from "../types.ts";
import { INSIDE } from "./layout.ts";

/** What one sandbox is started from. */
export interface StartOptions {
  readonly bwrap: string;
  /** Descriptors of ours that no child may have. */
  readonly inherited: readonly number[];
  /** Everything up to the program files. */
  readonly args: readonly string[];
  /** Everything after them. */
  readonly argsAfter: readonly string[];
  /** The launcher's argv. */
  readonly command: readonly string[];
  readonly files: readonly SourceFile[];
  /** Becomes a file inside; empty makes none. */
  readonly stdin: Uint8Array;
  readonly compiles: boolean;
  /** The launcher gives back files; default: false. */
  readonly collects?: boolean;
  readonly filterPath: string;
  readonly pipes: SlotPipes;
  readonly uid: number | undefined;
  readonly group: RunGroup | null;
}

/** Being set up, in its control group; its launcher will wait for `go`. */
export interface StartedSandbox {
  readonly sandbox: RunningSandbox;
  /** The launcher, seen from the host; not another's until the sandbox has ended. */
  readonly innerPid: number;
  /** Closes what is still open on our side. */
  close(): void;
}

/** The sandbox could not be set up: bwrap's own words, or the system's. */
export interface StartFailure {
  readonly failure: string;
  /** The bwrap program itself could not be executed. */
  readonly missing: boolean;
}

/** First line of `--json-status-fd`: `{ "child-pid": 123, … }`. */
const CHILD_PID = /"child-pid": (\d+)/;
/** What bwrap says of itself goes to the program's standard error; more than this is not bwrap. */
const MESSAGE_LIMIT_BYTES = 4_096;
/** How long what a dead bwrap has left may hold its streams. */
const ORPHAN_DEADLINE_MS = 1_000;

function childPid(status: Duplex, ended: Promise<unknown>): Promise<number | null> {
  return new Promise((resolve) => {
    let text = "";
    status.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      const match = CHILD_PID.exec(text);
      if (match?.[1] !== undefined) resolve(Number(match[1]));
    });
    status.once("close", () => resolve(null));
    // Ended by the host in its first moments, bwrap leaves a child that holds the stream.
    void ended.then(() => setTimeout(() => resolve(null), ORPHAN_DEADLINE_MS));
  });
}

/** What is left to read of a stream that nobody has listened to yet. */
export async function readMessage(stream: Readable): Promise<string> {
  let text = "";
  try {
    for await (const chunk of stream) {
      text += String(chunk);
      if (text.length > MESSAGE_LIMIT_BYTES) break;
    }
  } catch {
    return text;
  }
  return text.trim().slice(0, MESSAGE_LIMIT_BYTES);
}

function killSandbox(child: Child, innerPid: number | null): void {
  if (child.hasEnded) return;
  // The first process inside takes the whole pid namespace with it, and bwrap ends when that is done.
  // It is bwrap's unreaped child until then, so its number cannot have been given to another.
  if (innerPid !== null) {
    try {
      process.kill(innerPid, "SIGKILL");
      return;
    } catch {
      // Already gone.
    }
  }
  child.kill("SIGKILL");
}

/** Starts bwrap with the program's files on pipes, and puts what it starts into the control group. */
export async function startSandbox(options: StartOptions): Promise<StartedSandbox | StartFailure> {
  const fds: ChildFd[] = [];
  const addFd = (fd: ChildFd): number => fds.push(fd) - 1;
  using cleanup = new DisposableStack();
  const opened: Pipe[] = [];
  const openPipe = (open: () => Pipe): Pipe => {
    const pipe = open();
    opened.push(pipe);
    cleanup.defer(() => pipe.closeChildEnd());
    return pipe;
  };

  const stdout = openPipe(() => options.pipes.stdout());
  const stderr = openPipe(() => options.pipes.stderr());
  addFd("null");
  addFd(stdout.childFd);
  addFd(stderr.childFd);
  if (addFd("pipe") !== LAUNCHER_FDS.control) throw new Error("launcher descriptors out of order");
  if (options.compiles) {
    addFd("pipe");
    addFd("pipe");
  }
  if (options.collects === true) {
    while (fds.length < ARCHIVE_FD) addFd("null");
    addFd("pipe");
  }
  const filterFd = openSync(options.filterPath, "r");
  cleanup.defer(() => closeSync(filterFd));
  const args = [...options.args];
  const statusIndex = addFd("pipe");
  args.push("--json-status-fd", `${statusIndex}`, "--seccomp", `${addFd(filterFd)}`);
  const contents = options.files.map((file) => ({ path: `${INSIDE.cwd}/${file.path}`, content: file.content }));
  if (options.stdin.length > 0) contents.push({ path: INSIDE.stdin, content: options.stdin });
  const fileIndexes = contents.map(({ path }) => {
    const index = addFd("pipe");
    args.push("--perms", "0755", "--file", `${index}`, path);
    return index;
  });
  args.push(...options.argsAfter, ...options.command);

  let child: Child;
  try {
    child = startChild({
      // Ctrl-C at the terminal is the service's: it decides whether programs may finish.
      detached: true,
      ...closingDescriptors(options.inherited, fds.length, options.bwrap, args),
      fds,
      env: {},
      cwd: "/",
      ...(options.uid === undefined ? {} : { uid: options.uid }),
    });
  } catch (error) {
    // The system refuses the command line itself (E2BIG): nothing has been started.
    for (const pipe of opened) pipe.ours.destroy();
    return { failure: (error as Error).message, missing: false };
  }
  cleanup.dispose();
  if (child.pid === undefined) {
    for (const pipe of opened) pipe.ours.destroy();
    const end = await child.ended;
    return { failure: end.kind === "not_started" ? end.error.message : "bwrap did not start", missing: true };
  }
  for (const [position, index] of fileIndexes.entries()) child.stream(index).end(contents[position]?.content);

  const status = child.stream(statusIndex);
  const innerPid = await childPid(status, child.ended);
  const ended = child.ended.then(() => undefined);
  const fail = async (reason: string): Promise<StartFailure> => {
    killSandbox(child, innerPid);
    const orphaned = setTimeout(() => stderr.ours.destroy(), ORPHAN_DEADLINE_MS);
    const [message] = await Promise.all([readMessage(stderr.ours), ended]);
    clearTimeout(orphaned);
    for (const pipe of opened) pipe.ours.destroy();
    return { failure: message === "" ? reason : message, missing: !existsSync(options.bwrap) };
  };
  if (innerPid === null) return await fail("bwrap ended before it had made the sandbox");
  try {
    await options.group?.add(innerPid);
  } catch (error) {
    return await fail(`cannot put the sandbox into its control group: ${(error as Error).message}`);
  }
  const archive = options.collects === true ? child.stream(ARCHIVE_FD) : null;
  return {
    innerPid,
    sandbox: {
      control: child.stream(LAUNCHER_FDS.control),
      stdout: stdout.ours,
      stderr: stderr.ours,
      compileOutput: options.compiles
        ? { stdout: child.stream(LAUNCHER_FDS.compileStdout), stderr: child.stream(LAUNCHER_FDS.compileStderr) }
        : null,
      ...(archive === null ? {} : { archive }),
      group: options.group,
      // The launcher.
      ownProcesses: 1,
      kill: () => {
        killSandbox(child, innerPid);
        if (!child.hasEnded) options.group?.kill();
      },
      ended,
    },
    close: () => {
      for (const pipe of opened) pipe.ours.destroy();
      archive?.destroy();
    },
  };
}
