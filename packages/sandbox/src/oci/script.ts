import { ARTIFACTS_DIR } from "../artifacts/read.ts";
import { parentDirs } from "../bubblewrap/args.ts";
import { INSIDE, INSIDE_UID } from "../bubblewrap/layout.ts";
import type { CollectWay } from "../launcher/collect.ts";
import { LAUNCHER_FDS } from "../launcher/script.ts";
import { writeTar } from "../tar/write.ts";
import type { TarMember } from "../tar/write.ts";
import { makesArtifactsDir } from "../run/plan.ts";
import type { RunPlan } from "../run/plan.ts";
import type { Limits } from "../types.ts";
import { DECOY_LINK } from "./decoys.ts";
import { OCI_INSIDE } from "./inside.ts";

/**
 * Everything that goes into the writable tmpfs before the program starts, as the launcher unpacks it.
 * @param decoy what stands where programs look for credentials.
 */
export function boxArchive(
  plan: Pick<RunPlan, "files" | "stdin"> & { readonly artifacts?: RunPlan["artifacts"] },
  decoy: readonly TarMember[] = DECOY_LINK,
): Uint8Array {
  const dir = (path: string, mode = 0o755): TarMember => ({ kind: "directory", path, mode });
  // The first makes the place itself the user's.
  const members: TarMember[] = [
    dir("."),
    dir("cwd"),
    dir("build"),
    dir("home"),
    dir("tmp", 0o1777),
    dir("shm", 0o1777),
  ];
  const { files, artifacts = null } = plan;
  if (makesArtifactsDir({ files, artifacts })) members.push(dir(`cwd/${ARTIFACTS_DIR}`));
  for (const path of parentDirs(plan.files)) members.push(dir(`cwd/${path}`));
  for (const { path, content } of plan.files) members.push({ kind: "file", path: `cwd/${path}`, content, mode: 0o755 });
  members.push(...decoy);
  if (plan.stdin.length > 0) members.push({ kind: "file", path: "stdin", content: plan.stdin });
  return writeTar(members, INSIDE_UID);
}

/**
 * First lines of the launcher: unpack so many bytes from the control socket, then say `ready`. The host sends
 * nothing more until then, so that it does no harm if `head` reads ahead.
 */
export function unpackScript(archiveBytes: number): string {
  const unpack = `head -c ${archiveBytes} <&3 | tar -xpf - --numeric-owner -m -C ${INSIDE.box}`;
  return `${unpack} || exit 1; cd ${INSIDE.cwd} || exit 1; echo ready >&3`;
}

/**
 * What gVisor's launcher does first: put the descriptors where launchers have them, and make the group that counts
 * processes. gVisor has no limit on processes otherwise, and the host's group would end the whole sandbox.
 */
export function ownKernelScript(): string {
  const { pids } = OCI_INSIDE;
  return `exec 3<&0 4>&1 5>&2 </dev/null; { mount -n -t cgroup -o pids none ${pids} && mkdir ${pids}/run; } || exit 1`;
}

/** Puts a step of gVisor's into its group. */
export function enterOwnKernelStep({ pids }: Pick<Limits, "pids">): string {
  const group = `${OCI_INSIDE.pids}/run`;
  return `{ echo ${pids} >${group}/pids.max && echo 0 >${group}/cgroup.procs; } || exit 126`;
}

/** Becomes the program's user, for good, and then the program. A change of user leaves no ambient capabilities. */
export const BECOME_USER = [
  "/usr/bin/setpriv",
  ...[`--reuid=${INSIDE_UID}`, `--regid=${INSIDE_UID}`, "--clear-groups"],
  ...["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"],
];

/** gVisor's launcher is root inside, and has no descriptor but the three that gVisor passes on. */
export const OWN_KERNEL_COLLECT: CollectWay = { fd: LAUNCHER_FDS.control, asUser: BECOME_USER };

/** Ends the launcher, and with it everything inside, when the runtime that started it is gone. */
export const DIE_WITH_RUNTIME = ["/usr/bin/setpriv", "--pdeathsig", "KILL"];
