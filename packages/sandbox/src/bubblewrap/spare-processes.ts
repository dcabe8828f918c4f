/**
 * Whether this kernel counts the processes of RLIMIT_NPROC apart for each user namespace, and every sandbox has its
 * own. Before Linux 5.14 it counted all of a user's, on the whole host.
 */
function countsPerNamespace(release: string): boolean {
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  return major > 5 || (major === 5 && minor >= 14);
}

/** What decides whether RLIMIT_NPROC can hold a run. */
export interface ProcessBelts {
  /** Every slot has a uid of its own. */
  readonly changesUid: boolean;
  /** A control group limits processes too. */
  readonly grouped: boolean;
  /** As `uname -r` says it. */
  readonly release: string;
}

/**
 * Processes that RLIMIT_NPROC must allow beside the program's: bwrap and the launcher, and room for the control group
 * to refuse first, because only it counts what it refuses. Null where the limit would count other runs too.
 */
export function spareProcesses({ changesUid, grouped, release }: ProcessBelts): number | null {
  if (!changesUid && !countsPerNamespace(release)) return null;
  return grouped ? 16 : 2;
}
