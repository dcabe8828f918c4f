import { newDecoy } from "../behaviour/decoy.ts";
import type { DecoyFile } from "../behaviour/decoy-file.ts";
import { parentDirs } from "../bubblewrap/args.ts";
import { INSIDE } from "../bubblewrap/layout.ts";
import { sinceNow } from "../cgroup/since.ts";
import type { RunGroup } from "../cgroup/types.ts";
import { preparedScript } from "../launcher/script.ts";
import type { InstalledLanguage } from "../languages/types.ts";
import type { Prepared } from "../pool/pool.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { givenBytes } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import type { RunningSandbox } from "../run/supervise.ts";
import type { Limits } from "../types.ts";
import { idsOf, writeBundle } from "./container.ts";
import { decoyMounts } from "./decoys.ts";
import type { Ready } from "./prepare.ts";
import { OCI_INSIDE } from "./inside.ts";
import { BECOME_USER, boxArchive, DIE_WITH_RUNTIME, ownKernelScript, unpackScript } from "./script.ts";
import { firstLine, startContainer } from "./start.ts";
import type { StartedContainer } from "./start.ts";

const LANGUAGE = "python";
/** A longer command line of a program is shown cut off in /proc; the program itself has it whole. */
const COMMAND_LINE_BYTES = 4_096;
/**
 * What the host has to allow beside the program's own number of processes: with ptrace gVisor takes about five tasks of
 * the host's for each (measured: 212 for 30, 373 for 60), and 70 for itself. It keeps the program to its number; this is
 * the belt behind, and where it is reached gVisor as a whole dies.
 */
export const ownKernelTasks = (pids: number): number => 6 * pids + 192;
/**
 * A waiting interpreter has 5 MB in its control group with runc, 8 MB with gVisor. A limit below what is there cannot
 * be set: runs that may have less than this start afresh.
 */
const WAITING_BYTES = 32 * 1024 * 1024;
/** An idle host takes 1 ms. */
const LOAD_DEADLINE_MS = 5_000;

/** What is fixed when a sandbox is prepared: requests that differ in it need sandboxes of their own. */
type PreparedLimits = Pick<Limits, "diskBytes" | "pids" | "fileSizeBytes">;

/**
 * The class of a request; null for those that have to start afresh. The request's variables could change how an
 * interpreter starts (PYTHONHASHSEED, LD_PRELOAD). Files are given back by the launcher of a run that started afresh.
 * What is given counts in the disk limit here, so it must be small.
 */
export function preparedKey(plan: RunPlan): string | null {
  const { diskBytes, pids, fileSizeBytes, memoryBytes } = plan.limits;
  const isPlain = plan.language.name === LANGUAGE && Object.keys(plan.env).length === 0;
  if (
    !isPlain ||
    memoryBytes < WAITING_BYTES ||
    plan.artifacts !== null ||
    plan.network.length > 0 ||
    givenBytes(plan) > diskBytes / 256
  )
    return null;
  return JSON.stringify({ diskBytes, pids, fileSizeBytes } satisfies PreparedLimits);
}

/** A sandbox with an interpreter in it that waits for a program. */
export interface PreparedContainer extends Prepared {
  readonly started: StartedContainer;
  readonly decoy: DecoyFile | undefined;
  /** Hands the program over; the launcher waits for `go` then. Null when the sandbox does not answer. */
  load(plan: RunPlan, signal: AbortSignal | undefined): Promise<RunningSandbox | null>;
}

/** @param index of its pipes and ids, which no running slot and no other prepared sandbox has. */
export async function prepareContainer(
  host: Ready,
  index: number,
  key: string,
  python: InstalledLanguage,
  group: RunGroup,
): Promise<PreparedContainer> {
  const { hasOwnKernel } = host.runtime;
  const limits = JSON.parse(key) as PreparedLimits;
  const decoy = host.decoys[index];
  // Its length is known from here on, and the same for all.
  decoy?.fill(newDecoy().file);
  const archive = boxArchive({ files: [], stdin: new Uint8Array() });
  const script = preparedScript(
    {
      writableDirs: hasOwnKernel ? [INSIDE.box, "/tmp", "/dev/shm"] : [INSIDE.box],
      fileSizeBytes: limits.fileSizeBytes,
      enterStep: host.script.enterStep?.(limits) ?? null,
    },
    host.script,
  );
  const launcher = [...(hasOwnKernel ? [ownKernelScript()] : []), unpackScript(archive.length), script].join("\n");
  const command = [python.toolPaths["python"] ?? "", OCI_INSIDE.prepared, "-".repeat(COMMAND_LINE_BYTES)];
  const started = await startContainer(host, {
    bundle: writeBundle(host, {
      rootfs: host.system.rootfs.dir,
      args: [
        ...(hasOwnKernel ? [] : DIE_WITH_RUNTIME),
        ...[OCI_INSIDE.shell, "-c", launcher, "sh", ...(hasOwnKernel ? BECOME_USER : []), ...command],
      ],
      env: python.definition.env ?? {},
      boxBytes: limits.diskBytes,
      diskBytes: limits.diskBytes,
      systemMounts: [...host.system.rootfs.mounts, ...decoyMounts(decoy)],
      ids: idsOf(index),
      seccomp: host.seccomp,
      hasOwnKernel,
    }),
    pipes: host.sparePipes[index - host.slots] as SlotPipes,
    group,
    archive,
    compiles: false,
    compileEndMark: "",
    ownProcesses: hasOwnKernel ? ownKernelTasks(limits.pids) : 1,
    signal: undefined,
  });
  if ("failure" in started) throw new Error(started.failure);
  const destroy = async (): Promise<void> => {
    started.sandbox.kill();
    await started.sandbox.ended;
    await started.close();
  };
  started.sandbox.control.write("go\n");
  if ((await firstLine(started.sandbox.control, undefined)) !== "ready") {
    await destroy();
    throw new Error("the interpreter did not start");
  }
  return {
    started,
    decoy,
    get isHealthy() {
      return started.isAlive;
    },
    load: async (plan, signal) => {
      const { control } = started.sandbox;
      decoy?.fill(plan.decoy.file);
      control.write(encode(host, plan));
      const late = AbortSignal.timeout(LOAD_DEADLINE_MS);
      const said = await firstLine(control, signal === undefined ? late : AbortSignal.any([late, signal]));
      return said === "loaded" ? { ...started.sandbox, group: sinceNow(group) } : null;
    },
    destroy,
  };
}

/** A request as `prepared.py` reads it. */
function encode(host: Ready, plan: RunPlan): Buffer {
  const { limits, decoy } = plan;
  // As the launcher sets it: whole blocks of 512 bytes.
  const fileBytes = Math.floor(limits.fileSizeBytes / 512) * 512;
  const cpuSeconds = Math.max(1, Math.ceil(limits.cpuTimeMs / 1000));
  const spare = host.script.spareProcesses;
  const files = plan.files.map(({ path, content }) => ({ path: `cwd/${path}`, mode: 0o755, content }));
  if (plan.stdin.length > 0) files.push({ path: "stdin", mode: 0o644, content: plan.stdin });
  const header = Buffer.from(
    JSON.stringify({
      entry: plan.entry,
      args: plan.args,
      variables: decoy.env,
      stdin: plan.stdin.length > 0,
      directories: parentDirs(plan.files).map((dir) => `cwd/${dir}`),
      files: files.map(({ path, mode, content }) => [path, mode, content.length]),
      limits: {
        CORE: [0, 0],
        NOFILE: [limits.openFiles, limits.openFiles],
        CPU: [cpuSeconds, cpuSeconds + 1],
        FSIZE: [fileBytes, fileBytes],
        ...(spare === null ? {} : { NPROC: [limits.pids + spare, limits.pids + spare] }),
      },
    }),
  );
  return Buffer.concat([Buffer.from(`${header.length}\n`), header, ...files.map(({ content }) => content)]);
}
