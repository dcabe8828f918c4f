import { Duplex } from "node:stream";
import { constants } from "node:os";
import type { RunGroup } from "../cgroup/types.ts";
import { startChild } from "../process/spawn.ts";
import type { Child, ChildEnd, ChildFd } from "../process/spawn.ts";
import { closingDescriptors } from "../process/inherited.ts";
import { denoCommand, RUNTIME_ENV } from "./command.ts";
import type { CommandLimits, Runtime } from "./command.ts";
import type { MemoryNow } from "./from-now-on.ts";
import { createPolledGroup } from "./polled-group.ts";
import type { Ready } from "./prepare.ts";

/** One Deno process that waits for a program, and runs one. */
export interface Isolate {
  readonly child: Child;
  readonly group: RunGroup;
  /** What it holds now. */
  memory(): Promise<MemoryNow>;
  kill(): void;
  /** Ends it and removes what it had; rejects when something is left. */
  close(): Promise<void>;
}

/** It ended, or did not say that it is ready in time; `reason` is for people. */
export interface IsolateFailure {
  readonly failure: string;
}

/** Pyodide takes 2 s without a snapshot; a host that needs longer than this has stopped. */
const READY_DEADLINE_MS = 60_000;
const MESSAGE_BYTES = 2_000;

const describeEnd = (end: ChildEnd): string =>
  end.kind === "not_started" ? end.error.message : `ended with ${end.signal ?? `exit code ${end.exitCode}`}`;

/** Standard streams; Python has one more, for the files that it gives back. */
const FDS: Readonly<Record<Runtime, readonly ChildFd[]>> = {
  javascript: ["pipe", "pipe", "pipe"],
  python: ["pipe", "pipe", "pipe", "pipe"],
};
/** Where `inside/out.mjs` writes them. */
export const ARTIFACTS_FD = 3;

/**
 * Starts the process, in its control group and under its own uid where the host gives these.
 * @throws Error when it cannot be started, or no uid is left: it never gets this process's own in place of one.
 */
export async function spawnIsolate(host: Ready, runtime: Runtime, limits: CommandLimits): Promise<Isolate> {
  const uid = host.uids?.pop();
  if (host.uids !== null && uid === undefined) throw new Error("no unused uid is left for another process");
  const fds = FDS[runtime];
  const { command, args } = denoCommand(host.tools.deno, host.bootstraps[runtime], limits, host.wrapper);
  const child = startChild({
    ...closingDescriptors(host.inherited, fds.length, command, args),
    fds,
    env: RUNTIME_ENV,
    cwd: "/",
    detached: true,
    ...(uid === undefined ? {} : { uid }),
  });
  let group: RunGroup | null = null;
  const killChild = (): void => {
    if (!child.hasEnded) child.killGroup("SIGKILL");
  };
  const kill = (): void => {
    killChild();
    group?.kill();
  };
  const close = async (): Promise<void> => {
    kill();
    await child.ended;
    await group?.destroy();
    if (uid !== undefined) host.uids?.push(uid);
  };
  try {
    if (child.pid === undefined) throw new Error(describeEnd(await child.ended));
    const { pid } = child;
    group = host.createGroup === null ? createPolledGroup(pid, killChild, host.usage) : host.createGroup();
    await group.add(pid);
    const memory = async (): Promise<MemoryNow> => {
      // A polled group counts all that the process has.
      const usage = host.createGroup === null ? null : await host.usage.read(pid);
      if (usage === null) return { ownBytes: null, uncountedBytes: 0 };
      return { ownBytes: usage.residentBytes - usage.fileBytes, uncountedBytes: usage.fileBytes };
    };
    return { child, group, memory, kill, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Starts a process and waits until it could take a program; ends it at once when that is cancelled or the engine closes. */
export async function startIsolate(
  host: Ready,
  runtime: Runtime,
  limits: CommandLimits,
  preload: (stdin: Duplex) => Promise<void>,
  cancelled?: AbortSignal,
): Promise<Isolate | IsolateFailure> {
  let isolate: Isolate;
  try {
    isolate = await spawnIsolate(host, runtime, limits);
  } catch (error) {
    return { failure: (error as Error).message };
  }
  const signal = cancelled === undefined ? host.closing.signal : AbortSignal.any([host.closing.signal, cancelled]);
  signal.addEventListener("abort", isolate.kill);
  if (signal.aborted) isolate.kill();
  const [missing] = await Promise.all([awaitReady(isolate.child), preload(isolate.child.stream(0))]);
  signal.removeEventListener("abort", isolate.kill);
  if (missing === null) return isolate;
  await isolate.close();
  return { failure: missing };
}

/** Null when the one byte has come that says so; else what happened instead. */
async function awaitReady(child: Child): Promise<string | null> {
  const stdout = child.stream(1);
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const late = setTimeout(() => resolve(`not ready after ${READY_DEADLINE_MS} ms`), READY_DEADLINE_MS);
  const onReadable = (): void => {
    if (stdout.read(1) !== null) resolve(null);
  };
  stdout.on("readable", onReadable);
  onReadable();
  void child.ended.then(async (end) => resolve(`${describeEnd(end)}${await message(child)}`));
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    stdout.off("readable", onReadable);
  }
}

/** What is there on standard error of a process that has ended. */
async function message(child: Child): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of child.stream(2)) {
    chunks.push(chunk as Buffer);
    if (chunks.length > 8) break;
  }
  const text = Buffer.concat(chunks).subarray(0, MESSAGE_BYTES).toString().trim();
  return text === "" ? "" : `: ${text}`;
}

/**
 * Speaks as the launcher of other engines does, for `supervise`: here the program's process is our own child, so
 * the system itself says how it ended.
 */
export function controlOf(child: Child): Duplex {
  const control = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => done(),
  });
  control.on("error", () => undefined);
  control.once("end", () => control.destroy());
  void child.ended.then((end) => {
    if (end.kind === "ended") {
      const { exitCode, signal } = end;
      const number = signal === null ? 0 : constants.signals[signal];
      control.push(signal === null ? `ran ${exitCode}\n` : `${signal}\nran ${128 + number}\n`);
    }
    control.push("checked\n");
    control.push(null);
  });
  return control;
}
