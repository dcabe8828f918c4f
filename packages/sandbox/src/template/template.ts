import { readFileSync } from "node:fs";
import { watchRoutes } from "../behaviour/unroutable.ts";
import type { RouteWatch } from "../behaviour/unroutable.ts";
import { sinceNow } from "../cgroup/since.ts";
import type { RunGroup } from "../cgroup/types.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { closingDescriptors } from "../process/inherited.ts";
import { startChild } from "../process/spawn.ts";
import { OWN_PROCESSES, startForked } from "./forked.ts";
import type { ForkedRun } from "./forked.ts";
import { createLines } from "./lines.ts";
import type { TemplateRequest } from "./request.ts";

/** What a template is started from: a sandbox without a program. */
export interface TemplateOptions {
  readonly bwrap: string;
  readonly inherited: readonly number[];
  /** All of bwrap's arguments, with the command. */
  readonly args: readonly string[];
  readonly uid: number | undefined;
  /** Makes the control group of one run; rejects when there can be none. */
  createGroup(): Promise<RunGroup>;
}

/** A started interpreter in a sandbox, which keeps one forked process ready for the next run. */
export interface Template {
  /** False once it has ended or must not be used again. */
  readonly usable: boolean;
  /** A process is waiting for a request. */
  readonly isReady: boolean;
  /**
   * Makes the next run's namespaces, group and process in the background, if there are none yet.
   * @param limits that it may well have: setting them again takes no time.
   */
  prepare(limits: GroupLimits): void;
  /**
   * Hands the request to the waiting process, once there is one. Null when there is none: nothing has run then, and
   * the template is of no more use.
   */
  take(request: TemplateRequest, pipes: SlotPipes): Promise<ForkedRun | null>;
  close(): Promise<void>;
}

const CONTROL = 3;
const STATUS = 4;
/** For each word of the template's; an idle machine needs 50 ms for the first and 2 ms for the others. */
const WORD_DEADLINE_MS = 10_000;

/**
 * All forks share the template's hash seed and memory layout; a template that has served this many is
 * replaced, so that neither lives long enough to be worth finding out.
 */
const MOST_RUNS = 256;

type GroupLimits = Parameters<RunGroup["limit"]>[0];

/** A forked process that waits for its request, in the control group of the run to come. */
interface Prepared {
  readonly group: RunGroup;
  /** Process 1 of its namespaces, seen from the host. */
  readonly innerPid: number;
  readonly routes: RouteWatch | null;
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
  const nextWord = (): Promise<string | null> => lines.next(ended, WORD_DEADLINE_MS);

  let firstPid: number | null = null;
  const kill = async (): Promise<void> => {
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
  const [first, pid] = await Promise.all([nextWord(), innerPid]);
  firstPid = pid;
  if (first !== "ready" || pid === null) {
    await kill();
    throw new Error(`the template did not start: ${said.trim() || first || "no word of it"}`);
  }

  /** @throws Error where it cannot be had; the template has ended then, and nothing is left. */
  const makeNext = async (limits: GroupLimits): Promise<Prepared> => {
    let group: RunGroup | undefined;
    try {
      const made = nextWord();
      socket.write("prepare\n");
      const [ownGroup, word] = await Promise.allSettled([options.createGroup(), made]);
      if (ownGroup.status === "rejected") throw ownGroup.reason;
      group = ownGroup.value;
      if (word.status === "rejected" || word.value !== "made") throw new Error("the template made no sandbox");
      const [process1, ...others] = childrenOf(pid);
      // An orphan of an earlier run beside it: which of them is which cannot be told.
      if (process1 === undefined || others.length > 0) throw new Error("process 1 is not to be seen");
      await group.add(process1);
      // A process that is ending is "added" without an error.
      if (!group.pids().includes(process1)) throw new Error("process 1 is not in its control group");
      const forked = nextWord();
      socket.write("placed\n");
      if ((await forked) !== "prepared") throw new Error("the template forked no process");
      expectLimits(group, limits);
      // What it took to make the process is not the run's.
      return { group: sinceNow(group), innerPid: process1, routes: watchRoutes(process1) };
    } catch (error) {
      await kill();
      await group?.destroy();
      throw error;
    }
  };

  let isReady = false;
  let next: Promise<Prepared | null> | null = null;
  let settled: Promise<void> = Promise.resolve();
  const prepare = (limits: GroupLimits): void => {
    if (retired || hasEnded || next !== null) return;
    next = settled
      .then(() => makeNext(limits))
      .then(
        (prepared) => {
          isReady = true;
          return prepared;
        },
        () => null,
      );
  };

  return {
    get usable() {
      return !retired && !hasEnded && runs < MOST_RUNS;
    },
    get isReady() {
      return isReady && !retired && !hasEnded;
    },
    prepare,
    take: async (request, pipes) => {
      const prepared = await next;
      if (prepared === null) return null;
      if (retired || hasEnded) return null;
      const outputs = [pipes.stdout(), pipes.stderr()] as const;
      next = null;
      isReady = false;
      runs += 1;
      const forked = startForked({
        socket,
        lines,
        ...prepared,
        request,
        outputs,
        ended,
        isRetired: () => retired,
        retire: () => (retired = true),
        end: kill,
      });
      settled = forked.settled;
      return forked;
    },
    close: async () => {
      await kill();
      const left = await next;
      next = null;
      left?.routes?.[Symbol.dispose]();
      await left?.group.destroy();
    },
  };
}

/** They are set again for the run itself, and that tells of what is wrong with them. */
function expectLimits(group: RunGroup, limits: GroupLimits): void {
  try {
    group.limit({ ...limits, pids: limits.pids + OWN_PROCESSES });
  } catch {
    // Less than the process has already: the next run may well have more.
  }
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
