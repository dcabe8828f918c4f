import {
  chownSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { closingDescriptors } from "../process/inherited.ts";
import { runTool, startChild, TOOL_PATH } from "../process/spawn.ts";
import type { Child } from "../process/spawn.ts";
import type { OciSeccomp } from "../seccomp/oci.ts";
import { notifying, parseDeniedCalls } from "./watched.ts";
import type { DeniedCallLog } from "./watched.ts";

/** Sees which system calls containers were refused. */
export interface DeniedCalls extends Disposable {
  /** Why nothing is seen; null while it is. */
  readonly off: string | null;
  /** For good: the runtime cannot do it, whatever it says. */
  turnOff(reason: string): void;
  /** The profile for a container of this name; the plain one while nothing is seen. */
  profileFor(profile: OciSeccomp, container: string): OciSeccomp;
  /** What a container has been refused so far. Complete once the program has ended: calls are written, then answered. */
  log(container: string): DeniedCallLog;
  /** Removes what was kept of a container. */
  forget(container: string): void;
}

/** Nobody's: above 2^31, and above the host ids of all containers. */
const LISTENER_UID = 2_415_919_104;
const START_DEADLINE_MS = 5_000;
/** Calls of one container that are answered; a flood of them costs 30 µs each, of somebody else's processor time. */
export const MOST_DENIED_CALLS = 256;
const SOURCE = new URL("listener.py", import.meta.url);

const findPython = (): string | undefined =>
  TOOL_PATH.split(":")
    .map((dir) => join(dir, "python3"))
    .find((path) => existsSync(path));

/** The listener holds no right but that to its own directory, and ends with this process. */
function startListener(python: string, dir: string, inherited: readonly number[]): Child {
  const argv = [
    "/usr/bin/setpriv",
    ...["--pdeathsig", "KILL", `--reuid=${LISTENER_UID}`, `--regid=${LISTENER_UID}`, "--clear-groups"],
    ...["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"],
    ...[python, "-I", "-S", "-c", readFileSync(SOURCE, "utf8"), join(dir, "listener"), dir, `${MOST_DENIED_CALLS}`],
  ] as const;
  const [program, ...args] = argv;
  return startChild({
    ...closingDescriptors(inherited, 3, program, args),
    fds: ["pipe", "pipe", "pipe"],
    env: { PATH: TOOL_PATH, LANG: "C.UTF-8" },
    cwd: "/",
    detached: true,
  });
}

/** Resolves when it listens. @throws Error with what it said instead. */
async function untilReady(child: Child): Promise<void> {
  if (child.pid === undefined) throw new Error("the listener cannot be started");
  let words = "";
  child.stream(2).on("data", (chunk: Buffer) => (words = (words + chunk.toString("latin1")).slice(-500)));
  const isReady = new Promise<boolean>((resolve) => {
    child.stream(1).once("data", () => resolve(true));
  });
  const late = new AbortController();
  const ended = child.ended.then(() => false);
  const waited = delay(START_DEADLINE_MS, false, { signal: late.signal }).catch(() => false);
  const ready = await Promise.race([isReady, ended, waited]);
  late.abort();
  if (ready) return;
  child.kill("SIGKILL");
  throw new Error(words.trim().split("\n").at(-1) || "the listener did not start");
}

/** Null when the runtime says that it hands over refusals. */
async function whyNot(runtimePath: string): Promise<string | null> {
  const { stdout } = await runTool(runtimePath, ["features"], 10_000);
  try {
    const { linux } = JSON.parse(stdout) as { linux?: { seccomp?: { actions?: readonly string[] } } };
    if (linux?.seccomp?.actions?.includes("SCMP_ACT_NOTIFY") === true) return null;
  } catch {
    // It does not know the question.
  }
  return `${runtimePath} does not say that it can hand over refusals (runc 1.1 and newer do)`;
}

/** Every line of a file that the listener fills; it is another user, so nothing else is followed or waited for. */
function readBounded(path: string): string {
  if (!existsSync(path)) return "";
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const buffer = Buffer.alloc(MOST_DENIED_CALLS * 12);
    return buffer.toString("latin1", 0, readSync(fd, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(fd);
  }
}

export interface DeniedCallsOptions {
  readonly runtimePath: string;
  /** Does not exist yet; below one that only its owner can change. */
  readonly dir: string;
  /** Descriptors that no child may have. */
  readonly inherited: readonly number[];
}

/**
 * Starts the process that refuses containers' calls and tells of them. It is one for all containers of an engine, takes
 * 11 MB, and does nothing while nothing is refused. When it has ended, the containers that it served are refused with
 * ENOSYS by the kernel, and another one is started for the next.
 */
export async function listenForDeniedCalls(options: DeniedCallsOptions): Promise<DeniedCalls> {
  const { runtimePath, dir, inherited } = options;
  const python = findPython();
  let child: Child | null = null;
  let off = await whyNot(runtimePath);
  let isOver = false;

  const begin = async (program: string): Promise<void> => {
    off = "the listener is being started";
    const started = startListener(program, dir, inherited);
    child = started;
    void started.ended.then(() => {
      if (child === started) child = null;
      if (!isOver) off = "the listener has ended";
    });
    try {
      await untilReady(started);
      off = null;
    } catch (error) {
      off = (error as Error).message;
    }
  };
  if (off === null && python === undefined) off = "it takes python3 on the host";
  const canStart = off === null;
  if (canStart && python !== undefined) {
    mkdirSync(dir, { mode: 0o700 });
    chownSync(dir, LISTENER_UID, LISTENER_UID);
    await begin(python);
  }
  const log = (container: string): DeniedCallLog => parseDeniedCalls(readBounded(join(dir, container)));
  const end = (): void => {
    isOver = true;
    child?.kill("SIGKILL");
  };
  return {
    get off() {
      return off;
    },
    turnOff: (reason) => {
      end();
      off = reason;
    },
    profileFor: (profile, container) => {
      if (off === null) return notifying(profile, join(dir, "listener"), container);
      if (canStart && child === null && !isOver && python !== undefined) void begin(python);
      return profile;
    },
    log,
    forget: (container) => rmSync(join(dir, container), { force: true }),
    [Symbol.dispose]: end,
  };
}
