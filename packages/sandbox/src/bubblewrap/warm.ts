import { DECOY_IN_HOME } from "../behaviour/decoy.ts";
import { slotDir } from "../process/fifo.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { givenBytes } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import type { ForkedRun } from "../template/forked.ts";
import type { TemplateRequest } from "../template/request.ts";
import { startTemplate } from "../template/template.ts";
import type { Template } from "../template/template.ts";
import { parentDirs } from "./args.ts";
import { decoyMountArgs } from "./decoy-args.ts";
import { INSIDE } from "./layout.ts";
import type { Ready } from "./prepare.ts";
import { slotUid } from "./uids.ts";

/** Started interpreters, one a slot, that runs are forked from ahead of their requests. */
export interface Warm {
  /** How much better than another this slot is for the plan: a waiting process is for a run that can use it. */
  rank(slot: number, plan: RunPlan): number;
  /** Null when this run has to start the ordinary way. */
  fork(host: Ready, slot: number, plan: RunPlan): Promise<ForkedRun | null>;
  /** After a run: has the slot's next process made in the background, with a template if there is none. */
  prepare(host: Ready, slot: number, plan: RunPlan): void;
  close(): Promise<void>;
}

const LANGUAGE = "python";
/** What the template's own tmpfs is for: a place to mount on. */
const TEMPLATE_DISK_BYTES = 64 * 1024;

/** A longer command line of a program is shown cut off in /proc; the program itself has it whole. */
const COMMAND_LINE_BYTES = 4096;

/** More templates than this failed one after the other: the host is not made for them. */
const MOST_FAILURES = 3;

/**
 * The request's variables could change how an interpreter starts (PYTHONHASHSEED, LD_PRELOAD): then it must start. So
 * must a run that gives back files, which its launcher collects, and one with a network, which is opened from outside.
 */
const isEligible = (plan: RunPlan): boolean =>
  plan.language.name === LANGUAGE &&
  Object.keys(plan.env).length === 0 &&
  plan.artifacts === null &&
  plan.network.length === 0;

function templateArgs(host: Ready, slot: number, plan: RunPlan): string[] {
  const python = plan.language.toolPaths["python"] ?? "";
  return [
    // Programs get namespaces of their own below the template's, and lose the right to more there.
    ...host.shared.before.filter((arg) => arg !== "--disable-userns"),
    ...Object.entries(plan.language.definition.env ?? {}).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--size", `${TEMPLATE_DISK_BYTES}`, "--perms", "0755", "--tmpfs", INSIDE.box, "--dir", INSIDE.cwd],
    ...["--ro-bind", slotDir(host.pipeDir, slot), INSIDE.pipes],
    ...decoyMountArgs(host, slot),
    ...["--json-status-fd", "4"],
    ...host.shared.after,
    python,
    INSIDE.template,
    // Room for the program's own command line, which is written over this.
    "-".repeat(COMMAND_LINE_BYTES),
  ];
}

function requestOf(host: Ready, plan: RunPlan): TemplateRequest {
  const { limits } = plan;
  const cpuSeconds = Math.max(1, Math.ceil(limits.cpuTimeMs / 1000));
  const files = plan.files.map(({ path, content }) => ({ path: `cwd/${path}`, content }));
  if (plan.stdin.length > 0) files.push({ path: "stdin", content: plan.stdin });
  const spare = host.script.spareProcesses;
  return {
    entry: plan.entry,
    args: plan.args,
    directories: parentDirs(plan.files),
    files,
    hasStdin: plan.stdin.length > 0,
    bait: { variables: plan.decoy.env, link: `home/${DECOY_IN_HOME}`, target: INSIDE.decoy },
    tmpfsBytes: limits.diskBytes + givenBytes(plan),
    fileSizeBytes: limits.fileSizeBytes,
    limits: {
      CORE: [0, 0],
      NOFILE: [limits.openFiles, limits.openFiles],
      CPU: [cpuSeconds, cpuSeconds + 1],
      FSIZE: [limits.fileSizeBytes, limits.fileSizeBytes],
      ...(spare === null ? {} : { NPROC: [limits.pids + spare, limits.pids + spare] as const }),
    },
  };
}

/**
 * Forking a run from a started interpreter costs a fraction of starting one, and it is done before the run is there. A
 * host on which templates keep failing gets no more of them: runs then start the ordinary way, at the same level.
 */
export function createWarm(wanted: boolean): Warm {
  const templates = new Map<number, Template | "starting">();
  const background = new Set<Promise<void>>();
  let failures = 0;
  let forks = 0;
  let closed = false;
  const isOff = (): boolean => !wanted || closed || failures > MOST_FAILURES;

  const start = async (host: Ready, slot: number, plan: RunPlan): Promise<void> => {
    templates.set(slot, "starting");
    try {
      const template = await startTemplate({
        bwrap: host.bwrap,
        inherited: host.inherited,
        args: templateArgs(host, slot, plan),
        uid: host.changesUid ? slotUid(slot) : undefined,
        createGroup: () => host.cgroups.createInBackground(`f${(forks += 1)}`),
      });
      templates.set(slot, template);
      template.prepare(plan.limits);
    } catch {
      templates.delete(slot);
      failures += 1;
    }
  };
  const inBackground = (work: Promise<void>): void => {
    background.add(work);
    void work.finally(() => background.delete(work)).catch(() => undefined);
  };

  return {
    rank: (slot, plan) => {
      const template = templates.get(slot);
      const use = template === undefined || template === "starting" ? 0 : template.isReady ? 2 : 1;
      return isEligible(plan) ? use : -use;
    },
    fork: async (host, slot, plan) => {
      const template = templates.get(slot);
      if (template === undefined || template === "starting" || !isEligible(plan)) return null;
      const forked = await template.take(requestOf(host, plan), host.pipes[slot] as SlotPipes);
      if (forked === null) {
        templates.delete(slot);
        failures += 1;
        await template.close();
      } else failures = 0;
      return forked;
    },
    prepare: (host, slot, plan) => {
      const template = templates.get(slot);
      if (isOff() || !host.cgroups.usable || template === "starting") return;
      if (template?.usable === true) template.prepare(plan.limits);
      else if (template === undefined) {
        if (isEligible(plan)) inBackground(start(host, slot, plan));
      } else {
        templates.set(slot, "starting");
        inBackground(template.close().then(() => start(host, slot, plan)));
      }
    },
    close: async () => {
      closed = true;
      await Promise.allSettled(background);
      const started = [...templates.values()].filter((template) => template !== "starting");
      await Promise.all(started.map((template) => template.close()));
      templates.clear();
    },
  };
}
