import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { basename, join } from "node:path";
import { createDecoyFile } from "../behaviour/decoy-file.ts";
import type { DecoyFile } from "../behaviour/decoy-file.ts";
import { openCgroups } from "../cgroup/host.ts";
import type { CgroupHost } from "../cgroup/types.ts";
import { EngineUnavailableError } from "../errors.ts";
import type { ScriptOptions } from "../launcher/script.ts";
import { probeShell } from "../launcher/shell.ts";
import { createSlotPipes } from "../process/fifo.ts";
import type { SlotPipes } from "../process/fifo.ts";
import { inheritedDescriptors } from "../process/inherited.ts";
import { openScratch, scratchPlaces } from "../process/scratch.ts";
import type { Scratch } from "../process/scratch.ts";
import { runTool } from "../process/spawn.ts";
import type { EngineOptions } from "../run/engine-shell.ts";
import { compileFilter, seccompArch } from "../seccomp/compile.ts";
import { sharedArgs } from "./args.ts";
import type { SharedArgs } from "./args.ts";
import { INSIDE, writeEtc, writeTemplateFiles } from "./layout.ts";
import { reachableNode } from "./node-binary.ts";
import { findBwrap } from "./probe.ts";
import { spareProcesses } from "./spare-processes.ts";
import { MAX_SLOTS, slotUid } from "./uids.ts";

export const NAME = "bubblewrap";
const ETC = "etc";

export interface BubblewrapOptions extends EngineOptions {
  /** Default: `bwrap` in the system directories. */
  readonly bwrapPath?: string;
  /** Fork runs from started interpreters where that is possible (Python without `env`). Default: false. */
  readonly warm?: boolean;
  /** Sessions at the same time, beside the runs; with the slots at most 64. Default: 8. */
  readonly sessions?: number;
}

const DEFAULT_SESSIONS = 8;

/** Sessions at the same time: each has a slot of its own beside those of the runs, and so a uid. */
export function sessionSlots({ slots, sessions }: BubblewrapOptions): number {
  return Math.max(0, Math.min(sessions ?? DEFAULT_SESSIONS, MAX_SLOTS - slots));
}

/** Everything that is made once, at the first probe. */
export interface Ready {
  readonly bwrap: string;
  readonly inherited: readonly number[];
  readonly version: string;
  readonly cgroups: CgroupHost;
  readonly pipes: readonly SlotPipes[];
  readonly pipeDir: string;
  readonly probePipes: SlotPipes;
  readonly shared: SharedArgs;
  readonly filterPath: string;
  readonly script: ScriptOptions;
  readonly nodePath: string;
  readonly changesUid: boolean;
  /** The decoy credential file of each slot. */
  readonly decoys: readonly DecoyFile[];
  readonly resources: DisposableStack;
}

/** A scratch directory with the sandbox's /etc, on the first file system that lets the launcher in it start. */
async function scratchWithEtc(): Promise<Scratch> {
  const places = scratchPlaces();
  for (const place of places) {
    const scratch = openScratch(place);
    writeEtc(join(scratch.dir, ETC));
    if ((await runTool(join(scratch.dir, ETC, basename(INSIDE.shell)), ["-c", ":"], 5_000)).ok) return scratch;
    scratch[Symbol.dispose]();
  }
  const tried =
    places.length === 0 ? "none that all users can reach" : `all of ${places.join(", ")} are mounted noexec`;
  throw new EngineUnavailableError(
    NAME,
    `no directory for the launcher: ${tried}`,
    "set TMPDIR to a directory that allows programs to be started",
  );
}

function createDecoys(dir: string, slots: number, stack: DisposableStack): DecoyFile[] {
  mkdirSync(dir);
  chmodSync(dir, 0o711);
  return Array.from({ length: slots }, (_, slot) => stack.use(createDecoyFile(join(dir, String(slot)))));
}

/** @throws EngineUnavailableError when bwrap is missing, too old, or there is no filter for this processor. */
export async function makeReady(options: BubblewrapOptions): Promise<Ready> {
  const found = await findBwrap(options.bwrapPath);
  if (!("tool" in found)) throw new EngineUnavailableError(NAME, found.reason, found.fix);
  const arch = seccompArch(process.arch);
  if (arch === null)
    throw new EngineUnavailableError(NAME, `no seccomp filter for processor ${process.arch}`, "use x86-64 or arm64");
  const changesUid = process.getuid?.() === 0;
  const script = await probeShell();
  using stack = new DisposableStack();
  const cgroups = stack.use(openCgroups());
  const scratch = stack.use(await scratchWithEtc());
  const etcDir = join(scratch.dir, ETC);
  const filterPath = join(scratch.dir, "seccomp.bpf");
  const filter = compileFilter({ arch });
  writeFileSync(filterPath, filter);
  writeTemplateFiles(etcDir, filter);
  const pipeDir = join(scratch.dir, "pipes");
  mkdirSync(pipeDir);
  chmodSync(pipeDir, 0o711);
  // The last pair is the probe's: it may run beside any slot.
  const places = options.slots + sessionSlots(options);
  const owner = (slot: number): number | undefined => (changesUid ? slotUid(slot % places) : undefined);
  const pipes = await createSlotPipes(pipeDir, places + 1, owner);
  return {
    bwrap: found.tool.path,
    inherited: inheritedDescriptors(),
    version: found.tool.version,
    cgroups,
    pipes,
    pipeDir,
    probePipes: pipes.at(-1) as SlotPipes,
    shared: sharedArgs(etcDir),
    filterPath,
    script: {
      ...script,
      spareProcesses: spareProcesses({ changesUid, grouped: cgroups.belts.pids, release: release() }),
      limitData: !cgroups.belts.memory,
      seesOnlyInside: true,
    },
    nodePath: reachableNode(changesUid),
    changesUid,
    decoys: createDecoys(join(scratch.dir, "decoys"), places, stack),
    resources: stack.move(),
  };
}
