import { readFileSync } from "node:fs";
import { Duplex } from "node:stream";
import type { RunGroup } from "../cgroup/types.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { closingDescriptors } from "../process/inherited.ts";
import { startChild } from "../process/spawn.ts";
import type { RunningSandbox } from "../run/supervise.ts";

/** What a template is started from: a sandbox without a program. */
export interface TemplateOptions {
  readonly bwrap: string;
  readonly inherited: readonly number[];
  /** All of bwrap's arguments, with the command. */
  readonly args: readonly string[];
  readonly uid: number | undefined;
}

/** One run, as the fork in the template gets it (`python.py`, `serve_one`). */
export interface TemplateRequest {
  readonly entry: string;
  readonly args: readonly string[];
  /** Below the working directory, parents first. */
  readonly directories: readonly string[];
  /** Below /box. */
  readonly files: readonly { readonly path: string; readonly content: Uint8Array }[];
  /** Variables for the program, and a link from a place below the writable tmpfs to the decoy file. */
  readonly bait: {
    readonly variables: Readonly<Record<string, string>>;
    readonly link: string;
    readonly target: string;
  };
  readonly hasStdin: boolean;
  readonly tmpfsBytes: number;
  readonly fileSizeBytes: number;
  /** RLIMIT name to soft and hard value. */
  readonly limits: Readonly<Record<string, readonly [number, number]>>;
}

/** A run that has been forked, and waits for `go` in its control group. */
export interface ForkedRun {
  readonly sandbox: RunningSandbox;
  close(): void;
}

/** A started interpreter in a sandbox, which forks one run at a time. */
export interface Template {
  /** False once it has ended or must not be used again. */
  readonly usable: boolean;
  /** Null when the fork could not be had: nothing has run then, and the template is of no more use. */
  fork(request: TemplateRequest, pipes: SlotPipes, group: RunGroup): Promise<ForkedRun | null>;
  close(): Promise<void>;
}

const CONTROL = 3;
const STATUS = 4;
/** From the start to `ready`, and from `run` to `forked`; an idle machine needs 30 ms and 1 ms. */
const START_DEADLINE_MS = 10_000;
/** The fork that serves a run, and process 1 in its namespace. */
const OWN_PROCESSES = 2;

/**
 * All forks share the template's hash seed and memory layout; a template that has served this many is
 * replaced, so that neither lives long enough to be worth finding out.
 */
const MOST_RUNS = 256;

/** The lines of a socket, to one listener at a time. */
function createLines(socket: Duplex): { onLine: (listener: ((line: string) => void) | null) => void } {
  let rest = "";
  let listener: ((line: string) => void) | null = null;
  socket.on("data", (chunk: Buffer) => {
    const parts = (rest + chunk.toString("latin1")).split("\n");
    // A program has no way to this socket; were it otherwise, it could fill no more than this.
    rest = (parts.pop() ?? "").slice(0, 4096);
    for (const line of parts) listener?.(line);
  });
  return { onLine: (next) => (listener = next) };
}

/** @throws Error when no template can be started here; the ordinary way of running is not touched by that. */
export async function startTemplate(options: TemplateOptions): Promise<Template> {
  const fds = ["null", "pipe", "pipe", "pipe", "pipe"] as const;
  const child = startChild({
    // As in bubblewrap/start.ts: Ctrl-C at the terminal is the service's.
    detached: true,
    ...closingDescriptors(options.inherited, fds.length, options.bwrap, options.args),
    fds,
    env: {},
    cwd: "/",
    ...(options.uid === undefined ? {} : { uid: options.uid }),
  });
  if (child.pid === undefined) throw new Error("bwrap cannot be started");
  let said = "";
  for (const index of [1, 2])
    child.stream(index).on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  const socket = child.stream(CONTROL);
  const lines = createLines(socket);
  let hasEnded = false;
  let retired = false;
  let runs = 0;
  const ended = child.ended.then(() => {
    hasEnded = true;
  });

  /** The next line, or null when the template ends or takes too long. */
  const nextLine = (): Promise<string | null> =>
    new Promise((resolve) => {
      const finish = (line: string | null): void => {
        clearTimeout(late);
        lines.onLine(null);
        resolve(line);
      };
      const late = setTimeout(() => finish(null), START_DEADLINE_MS);
      lines.onLine(finish);
      void ended.then(() => finish(null));
    });

  let firstPid: number | null = null;
  const close = async (): Promise<void> => {
    retired = true;
    // Process 1 takes its namespace with it, and bwrap ends when that is done; bwrap first would not wait for it.
    // Until then it is bwrap's unreaped child, so its number cannot have been given to another.
    if (!hasEnded && (firstPid === null || !tryKill(firstPid))) child.kill("SIGKILL");
    await ended;
  };
  const innerPid = new Promise<number | null>((resolve) => {
    let text = "";
    child.stream(STATUS).on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      const pid = /"child-pid": (\d+)/.exec(text)?.[1];
      if (pid !== undefined) resolve(Number(pid));
    });
    void ended.then(() => resolve(null));
  });
  const [first, pid] = await Promise.all([nextLine(), innerPid]);
  firstPid = pid;
  if (first !== "ready" || pid === null) {
    await close();
    throw new Error(`the template did not start: ${said.trim() || first || "no word of it"}`);
  }

  const fork = async (request: TemplateRequest, pipes: SlotPipes, group: RunGroup): Promise<ForkedRun | null> => {
    runs += 1;
    const forked = nextLine();
    socket.write("run\n");
    if ((await forked) !== "forked") {
      await close();
      return null;
    }
    const [runner, ...others] = childrenOf(pid);
    try {
      // An orphan of an earlier run beside the fork: which of them is which cannot be told.
      if (runner === undefined || others.length > 0) throw new Error("the fork is not to be seen");
      await group.add(runner);
      // A process that is ending is "added" without an error.
      if (!group.pids().includes(runner)) throw new Error("the fork is not in its control group");
    } catch {
      await close();
      return null;
    }
    const outputs = [pipes.stdout(), pipes.stderr()] as const;
    const { promise: runEnded, resolve: endRun } = Promise.withResolvers<void>();
    let isClean = false;
    // Not `control.destroyed`: whoever reads it may close it early, and the run must stay killable.
    let isOver = false;
    const control = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        if (chunk.toString() === "go\n") socket.write(encode(request));
        else socket.write(chunk);
        done();
      },
    });
    const finish = (): void => {
      if (isOver) return;
      isOver = true;
      lines.onLine(null);
      // The program's ends are gone; with ours its output ends.
      for (const output of outputs) output.closeChildEnd();
      if (!control.destroyed) control.push(null);
      control.destroy();
      // Bytes of this run may be left on the socket, or processes below the template: it ends before the run does,
      // so that nothing can read or write in the name of the next.
      if (isClean && !retired) endRun();
      else void close().then(endRun);
    };
    lines.onLine((line) => {
      if (line === "idle") return finish();
      if (line.startsWith("ran ")) isClean = true;
      if (line === "broken") retired = true;
      if (!control.destroyed) control.push(`${line}\n`);
    });
    void ended.then(() => {
      finish();
    });
    return {
      sandbox: {
        control,
        stdout: outputs[0].ours,
        stderr: outputs[1].ours,
        compileOutput: null,
        group,
        ownProcesses: OWN_PROCESSES,
        kill: () => {
          if (isOver) return;
          // Bytes of this run may be left on the socket: the next run must not read them.
          retired = true;
          group.kill();
        },
        ended: runEnded,
      },
      close: () => {
        for (const output of outputs) output.ours.destroy();
      },
    };
  };

  return {
    get usable() {
      return !retired && !hasEnded && runs < MOST_RUNS;
    },
    fork,
    close,
  };
}

function encode(request: TemplateRequest): Buffer {
  const { hasStdin, files, ...rest } = request;
  const header = { ...rest, stdin: hasStdin, files: files.map(({ path, content }) => [path, content.length]) };
  const text = Buffer.from(JSON.stringify(header));
  return Buffer.concat([Buffer.from(`go\n${text.length}\n`), text, ...files.map(({ content }) => content)]);
}

function tryKill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}

/** Host pids of a process's children (proc(5), CONFIG_PROC_CHILDREN). */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
