import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CgroupBelts } from "../cgroup/types.ts";
import { runTool, TOOL_PATH } from "../process/spawn.ts";
import type { Belt } from "../types.ts";

export const INSTALL_FIX = "apt-get install bubblewrap";
/** 0.8.0 (Debian 12) is the first release with `--disable-userns`. */
const NEEDED_OPTIONS = ["--disable-userns", "--json-status-fd", "--size", "--perms", "--as-pid-1", "--seccomp"];

export interface BwrapTool {
  readonly path: string;
  readonly version: string;
}

export type ToolReport = { readonly tool: BwrapTool } | { readonly reason: string; readonly fix: string };

/** Finds bwrap in the system directories (or at `override`) and checks that it can do what is needed. */
export async function findBwrap(override?: string): Promise<ToolReport> {
  const candidates = override === undefined ? TOOL_PATH.split(":").map((dir) => join(dir, "bwrap")) : [override];
  const path = candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (path === undefined)
    return { reason: `bwrap (bubblewrap) is not installed (looked for ${candidates.join(", ")})`, fix: INSTALL_FIX };
  const [version, help] = await Promise.all([runTool(path, ["--version"], 5_000), runTool(path, ["--help"], 5_000)]);
  const number = /(\d+\.\d+\.\d+)/.exec(version.stdout)?.[1];
  if (number === undefined)
    return { reason: `${path} does not say its version: ${version.stderr.trim()}`, fix: INSTALL_FIX };
  const lacking = NEEDED_OPTIONS.filter((option) => !`${help.stdout}${help.stderr}`.includes(option));
  if (lacking.length > 0) {
    return {
      reason: `bubblewrap ${number} lacks ${lacking.join(", ")}; 0.8.0 or newer is needed`,
      fix: "upgrade bubblewrap to 0.8.0 or newer",
    };
  }
  return { tool: { path, version: number } };
}

function sysctl(name: string): string | null {
  const path = `/proc/sys/${name.replaceAll(".", "/")}`;
  return existsSync(path) ? readFileSync(path, "utf8").trim() : null;
}

/** The setting that most likely keeps user namespaces away, and the command that changes it. */
export function namespaceFix(): string {
  if (sysctl("kernel.apparmor_restrict_unprivileged_userns") === "1") {
    return "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (or an AppArmor profile for bwrap that allows userns)";
  }
  if (sysctl("kernel.unprivileged_userns_clone") === "0") return "sysctl -w kernel.unprivileged_userns_clone=1";
  if (sysctl("user.max_user_namespaces") === "0") return "sysctl -w user.max_user_namespaces=10000";
  return "allow user namespaces on this host; inside a container, run it with a seccomp profile that permits them";
}

/** What this host lets the engine do. */
export interface HostBelts {
  readonly cgroup: CgroupBelts;
  readonly changesUid: boolean;
  /** RLIMIT_NPROC counts the processes of one run alone, so it can limit them. */
  readonly limitsProcesses: boolean;
  /** The engine can run programs at all. */
  readonly works: boolean;
}

/** Every defence of the engine on this host. */
export function beltsOf({ cgroup, changesUid, limitsProcesses, works }: HostBelts): Belt[] {
  const rlimits = `processor time, file size, open files${limitsProcesses ? ", processes" : ""}; each process`;
  const processes = limitsProcesses ? "are limited by RLIMIT_NPROC" : "are not limited: Linux 5.14 or newer could";
  const belt = (name: string, on: boolean, detail: string): Belt => ({ name, on: works && on, detail });
  return [
    belt("namespaces", true, "user, pid, network, ipc, uts, mount, cgroup; nested user namespaces disabled"),
    belt("seccomp", true, `allow-list for ${process.arch}`),
    belt("no-capabilities", true, "all dropped, no_new_privs"),
    belt("rlimits", true, rlimits),
    belt(
      "cgroup-memory",
      cgroup.memory,
      cgroup.memory ? cgroup.detail : `${cgroup.detail}; memory is limited for each process alone`,
    ),
    belt("cgroup-pids", cgroup.pids, cgroup.pids ? cgroup.detail : `${cgroup.detail}; processes ${processes}`),
    belt("cgroup-cpu", cgroup.cpu, cgroup.cpu ? cgroup.detail : `${cgroup.detail}; no limit on cores at once`),
    belt(
      "uid-per-slot",
      changesUid,
      changesUid ? "an unused host uid for every run at the same time" : "needs root; all runs share this server's uid",
    ),
  ];
}
