import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { slotUid } from "../bubblewrap/uids.ts";
import { runTool } from "../process/spawn.ts";
import { bundleConfig } from "./config.ts";
import type { BundlePlan, IdMapping } from "./config.ts";
import type { Ready } from "./prepare.ts";

/** Name and files of one container. */
export interface Bundle {
  readonly id: string;
  readonly dir: string;
  readonly pidFile: string;
}

/** All containers of ours are called so; the instance's name follows, for a later one to judge. */
export const CONTAINER_PREFIX = "crucible-oci-";

/** Ids from 2^31 on are nobody's: many programs cannot even name them. The slots' own end just below. */
const ROOT_ID_OFFSET = 2 ** 28;

/** Host ids of a slot's container. */
export const idsOf = (slot: number): IdMapping => ({ rootId: slotUid(slot) + ROOT_ID_OFFSET, userId: slotUid(slot) });

/** Writes the bundle of one run. */
export function writeBundle(host: Ready, plan: Omit<BundlePlan, "cgroupsPath">): Bundle {
  const id = `${CONTAINER_PREFIX}${host.instance}-${randomBytes(6).toString("hex")}`;
  const dir = join(host.workDir, id);
  mkdirSync(dir, { mode: 0o700 });
  const seccomp = host.deniedCalls?.profileFor(plan.seccomp, id) ?? plan.seccomp;
  writeFileSync(join(dir, "config.json"), JSON.stringify(bundleConfig({ ...plan, seccomp, cgroupsPath: id })));
  return { id, dir, pidFile: join(dir, "pid") };
}

/** The runtime's command line. */
export function runArgs({ tool, runtime, workDir }: Ready, bundle: Bundle, extraFds: number): string[] {
  return [
    ...[...tool.options, "--root", join(workDir, "state")],
    ...["run", "--bundle", bundle.dir, "--pid-file", bundle.pidFile],
    ...(runtime.hasOwnKernel ? [] : ["--no-new-keyring", "--preserve-fds", `${extraFds}`]),
    bundle.id,
  ];
}

const PID_POLL_MS = 1;
const PID_DEADLINE_MS = 2_000;

/** The container's first process in the host's numbers; runtimes write it just after they have started it. */
export async function containerPid({ pidFile }: Bundle): Promise<number | null> {
  for (const deadline = performance.now() + PID_DEADLINE_MS; performance.now() < deadline; await delay(PID_POLL_MS)) {
    try {
      const pid = Number(readFileSync(pidFile, "utf8"));
      if (Number.isInteger(pid) && pid > 1) return pid;
    } catch {
      // Not written yet.
    }
  }
  return null;
}

/**
 * Removes what a container has left: its bundle, and the runtime's state and groups where the runtime was ended
 * before it could do so itself.
 */
export async function removeContainer(
  { tool, workDir, runtime, deniedCalls }: Ready,
  { id, dir }: Bundle,
): Promise<void> {
  const state = join(workDir, "state");
  const hasLeft = (): string[] => readdirSync(state).filter((name) => name.includes(id));
  // runsc keeps nothing but files; asking it to remove them would take as long as a start.
  if (!runtime.hasOwnKernel && hasLeft().length > 0)
    await runTool(tool.path, [...tool.options, "--root", state, "delete", "--force", id], 10_000);
  for (const name of hasLeft()) rmSync(join(state, name), { recursive: true, force: true });
  rmSync(dir, { recursive: true, force: true });
  deniedCalls?.forget(id);
}
