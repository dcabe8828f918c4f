/** A tool that an engine rests on. */
export type Tool = "bubblewrap" | "runc" | "crun" | "runsc" | "docker";

/** A published way out of a sandbox, and the versions that have it. */
export interface KnownEscape {
  readonly id: string;
  readonly tool: Tool;
  /** Fixed releases, one per maintained branch, oldest first; a version on no branch counts as fixed when newer than all. */
  readonly fixedIn: readonly string[];
  /** First version that has it; default: all before the fix. */
  readonly since?: string;
  /** `setuid`: only when the tool is installed setuid root. */
  readonly when?: "setuid";
  /** `escape` fails the check; `conditional` warns, because the way in is one that Crucible does not open. */
  readonly severity: "escape" | "conditional";
  readonly summary: string;
}

/**
 * Sources: the advisories under github.com/opencontainers/runc, containers/bubblewrap, containers/crun and
 * google/gvisor, and the CVE records. Distributions backport fixes without changing the upstream version, so a
 * finding says "check", not "you are open".
 */
export const KNOWN_ESCAPES: readonly KnownEscape[] = [
  {
    id: "CVE-2019-5736",
    tool: "runc",
    fixedIn: ["1.0.0-rc7"],
    severity: "escape",
    summary: "a program can overwrite the runc binary of the host",
  },
  {
    id: "CVE-2021-30465",
    tool: "runc",
    fixedIn: ["1.0.0-rc95"],
    severity: "escape",
    summary: "a symlink race while mounting reaches host directories",
  },
  {
    id: "CVE-2024-21626",
    tool: "runc",
    since: "1.0.0-rc93",
    fixedIn: ["1.1.12"],
    severity: "escape",
    summary: "a leaked file descriptor as working directory reaches the host's files",
  },
  {
    id: "CVE-2025-31133",
    tool: "runc",
    fixedIn: ["1.2.8", "1.3.3", "1.4.0-rc.3"],
    severity: "escape",
    summary: "a mount race over masked paths gives writable /proc files of the host",
  },
  {
    id: "CVE-2025-52565",
    tool: "runc",
    fixedIn: ["1.2.8", "1.3.3", "1.4.0-rc.3"],
    severity: "escape",
    summary: "a mount race over /dev/console gives writable /proc files of the host",
  },
  {
    id: "CVE-2025-52881",
    tool: "runc",
    fixedIn: ["1.2.8", "1.3.3", "1.4.0-rc.3"],
    severity: "escape",
    summary: "runc's own writes to /proc can be redirected",
  },
  {
    id: "CVE-2026-41579",
    tool: "runc",
    fixedIn: ["1.3.6", "1.4.3", "1.5.0-rc.3"],
    severity: "conditional",
    summary: "a hostile image with /dev as a symlink writes to the host",
  },
  {
    id: "CVE-2025-24965",
    tool: "crun",
    fixedIn: ["1.20"],
    severity: "conditional",
    summary: "a hostile image gets out of its root through the krun handler",
  },
  {
    id: "CVE-2026-30892",
    tool: "crun",
    fixedIn: ["1.27"],
    severity: "conditional",
    summary: "`crun exec --user 1` runs as root in the container",
  },
  {
    id: "CVE-2026-88264",
    tool: "crun",
    fixedIn: ["1.30"],
    severity: "conditional",
    summary: "a hostile image with /dev/console as a symlink makes files on the host",
  },
  {
    id: "CVE-2019-12439",
    tool: "bubblewrap",
    fixedIn: ["0.3.3"],
    severity: "conditional",
    summary: "another local user can prepare the mount point in /tmp",
  },
  {
    id: "CVE-2020-5291",
    tool: "bubblewrap",
    since: "0.4.0",
    fixedIn: ["0.4.1"],
    when: "setuid",
    severity: "escape",
    summary: "a local user becomes root through --userns2",
  },
  {
    id: "CVE-2026-41163",
    tool: "bubblewrap",
    since: "0.11.0",
    fixedIn: ["0.11.2"],
    when: "setuid",
    severity: "escape",
    summary: "a local user becomes root by tracing the set-up",
  },
  {
    id: "CVE-2026-87766",
    tool: "bubblewrap",
    fixedIn: ["0.12.0"],
    severity: "conditional",
    summary:
      "set-up follows a symlink that an earlier program left in a bound host directory; Crucible binds none that a program can write",
  },
  {
    id: "CVE-2026-96812",
    tool: "runsc",
    fixedIn: ["20260824.0"],
    severity: "conditional",
    summary: "a hostile image with a /dev/cuse node takes over hosts that have CUSE",
  },
];

type Version = readonly (number | string)[];

/** `1.2.8`, `1.4.0-rc.3`, `release-20260824.0`, `1.1.12+ds1`: the comparable parts, or null. */
function parseVersion(text: string): { readonly core: readonly number[]; readonly pre: Version } | null {
  const match = /(\d+(?:\.\d+)*)(?:[-~](rc[\d.]+|alpha[\d.]*|beta[\d.]*))?/.exec(text);
  if (match === null) return null;
  const [, core = "", pre = ""] = match;
  return {
    core: core.split(".").map(Number),
    pre: pre.match(/[a-z]+|\d+/g)?.map((p) => (/\d/.test(p) ? Number(p) : p)) ?? [],
  };
}

/** Negative when `a` is older. A release candidate is older than its release (semver.org, 11). */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parseVersion(a), parseVersion(b)];
  if (left === null || right === null) throw new RangeError(`not a version: ${left === null ? a : b}`);
  for (let i = 0; i < Math.max(left.core.length, right.core.length); i++) {
    const difference = (left.core[i] ?? 0) - (right.core[i] ?? 0);
    if (difference !== 0) return difference;
  }
  if (left.pre.length === 0 || right.pre.length === 0) return right.pre.length - left.pre.length;
  for (let i = 0; i < Math.max(left.pre.length, right.pre.length); i++) {
    const [l, r] = [left.pre[i] ?? 0, right.pre[i] ?? 0];
    if (l === r) continue;
    if (typeof l === "number" && typeof r === "number") return l - r;
    return String(l) < String(r) ? -1 : 1;
  }
  return 0;
}

const branchOf = (version: string): string => (parseVersion(version)?.core.slice(0, 2) ?? []).join(".");

/** Whether this version has this hole, going by upstream's numbers. A version that cannot be read counts as open. */
export function isOpen(escape: KnownEscape, version: string, setuid: boolean): boolean {
  if (escape.when === "setuid" && !setuid) return false;
  if (parseVersion(version) === null) return true;
  if (escape.since !== undefined && compareVersions(version, escape.since) < 0) return false;
  const sameBranch = escape.fixedIn.find((fixed) => branchOf(fixed) === branchOf(version));
  if (sameBranch !== undefined) return compareVersions(version, sameBranch) < 0;
  const newest = escape.fixedIn.at(-1) ?? "0";
  return compareVersions(version, newest) < 0;
}

/** All holes of one tool's version. */
export function escapesOf(tool: Tool, version: string, setuid: boolean): readonly KnownEscape[] {
  return KNOWN_ESCAPES.filter((escape) => escape.tool === tool && isOpen(escape, version, setuid));
}
