import { DECOY_IN_HOME } from "../behaviour/decoy.ts";
import type { RunGroup } from "../cgroup/types.ts";
import { slotDir } from "../process/fifo.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { givenBytes } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import { startTemplate } from "../template/template.ts";
import type { ForkedRun, Template, TemplateRequest } from "../template/template.ts";
import { parentDirs } from "./args.ts";
import { decoyMountArgs } from "./decoy-args.ts";
import { INSIDE } from "./layout.ts";
import type { Ready } from "./prepare.ts";
import { slotUid } from "./uids.ts";

/** Started interpreters, one a slot, that runs are forked from. */
export interface Warm {
  /** Null when this run has to start the ordinary way. */
  fork(host: Ready, slot: number, plan: RunPlan, group: RunGroup | null): Promise<ForkedRun | null>;
  /** Starts a template for the slot in the background, if the plan's language has one and there is none. */
  prepare(host: Ready, slot: number, plan: RunPlan): void;
  close(): Promise<void>;
}

const LANGUAGE = "python";
/** What the template's own tmpfs is for: a place to mount on. */
const TEMPLATE_DISK_BYTES = 64 * 1024;

/** A longer command line of a program is shown cut off in /proc; the program itself has it whole. */
const COMMAND_LINE_BYTES = 4096;

/**
 * The request's variables could change how an interpreter starts (PYTHONHASHSEED, LD_PRELOAD): then it must start. So
 * must a run that gives back files, which its launcher collects.
 */
const isEligible = (plan: RunPlan): boolean =>
  plan.language.name === LANGUAGE && Object.keys(plan.env).length === 0 && plan.artifacts === null;

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
 * Forking a run from a started interpreter costs a fraction of starting one. A template that fails to start
 * is not tried again: runs then start the ordinary way, at the same isolation level.
 */
export function createWarm(wanted: boolean): Warm {
  const templates = new Map<number, Template | "starting">();
  const starting = new Set<Promise<void>>();
  let isOff = !wanted;
  let closed = false;
  return {
    fork: async (host, slot, plan, group) => {
      const template = templates.get(slot);
      if (group === null || template === undefined || template === "starting" || !isEligible(plan)) return null;
      if (!template.usable) {
        templates.delete(slot);
        await template.close();
        return null;
      }
      return template.fork(requestOf(host, plan), host.pipes[slot] as SlotPipes, group);
    },
    prepare: (host, slot, plan) => {
      if (closed || isOff || !host.cgroups.usable || !isEligible(plan) || templates.has(slot)) return;
      templates.set(slot, "starting");
      const uid = host.changesUid ? slotUid(slot) : undefined;
      const start = startTemplate({
        bwrap: host.bwrap,
        inherited: host.inherited,
        args: templateArgs(host, slot, plan),
        uid,
      }).then(
        (template) => void templates.set(slot, template),
        () => {
          templates.delete(slot);
          isOff = true;
        },
      );
      starting.add(start);
      void start.then(() => starting.delete(start));
    },
    close: async () => {
      closed = true;
      await Promise.all(starting);
      const started = [...templates.values()].filter((template) => template !== "starting");
      await Promise.all(started.map((template) => template.close()));
      templates.clear();
    },
  };
}
