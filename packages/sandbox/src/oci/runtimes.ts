import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { runTool, TOOL_PATH } from "../process/spawn.ts";
import type { IsolationLevel } from "../types.ts";

/** A program that runs OCI bundles, and what is different about it. */
export interface OciRuntime {
  /** The engine's name. */
  readonly name: "runc" | "crun" | "gvisor";
  readonly isolation: IsolationLevel;
  readonly program: string;
  /** For people without it. */
  readonly install: string;
  /**
   * A kernel of its own, in a process: it gets descriptors 0 to 2 only, has devices and /proc of its own, and the
   * program's processes are not the host's.
   */
  readonly hasOwnKernel: boolean;
}

export const OCI_RUNTIMES: Readonly<Record<OciRuntime["name"], OciRuntime>> = {
  runc: {
    name: "runc",
    isolation: "container",
    program: "runc",
    install: "apt-get install runc",
    hasOwnKernel: false,
  },
  crun: {
    name: "crun",
    isolation: "container",
    program: "crun",
    install: "apt-get install crun",
    hasOwnKernel: false,
  },
  gvisor: {
    name: "gvisor",
    isolation: "gvisor",
    program: "runsc",
    install: "apt-get install runsc (or see gvisor.dev/docs/user_guide/install)",
    hasOwnKernel: true,
  },
};

/** A runtime found on this host. */
export interface OciTool {
  readonly path: string;
  readonly version: string;
  /** Options in front of the sub-command. */
  readonly options: readonly string[];
  /** For people: how programs' system calls are caught; null where it is the host's kernel itself. */
  readonly platform: string | null;
}

export type OciToolReport = { readonly tool: OciTool } | { readonly reason: string; readonly fix: string };

function findExecutable(program: string, override: string | undefined): string | undefined {
  const candidates = override === undefined ? TOOL_PATH.split(":").map((dir) => join(dir, program)) : [override];
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** runsc says which options it knows; what it was built without would end it. */
async function gvisorOptions(path: string): Promise<Pick<OciTool, "options" | "platform">> {
  const { stdout, stderr } = await runTool(path, ["flags"], 10_000);
  const help = `${stdout}${stderr}`;
  // systrap came in 2023 and does the same as ptrace, several times as fast.
  const platform = /-platform\b[^-]*systrap/s.test(help) ? "systrap" : "ptrace";
  const wanted = [
    ["-platform", platform],
    ["-network", "none"],
    // No file of the host is changed from inside: the root is read-only, and what is writable is memory.
    ["-overlay2", "none"],
    // The host's system directories do not change under a run of seconds: what was looked up need not be asked for again.
    ["-file-access-mounts", "exclusive"],
    // The program's calls are filtered as on the host's kernel, before gVisor's kernel serves them.
    ["-oci-seccomp", "true"],
    ["-host-uds", "none"],
    ["-host-fifo", "none"],
    // Control groups are made by the engine, which counts what is used.
    ["-ignore-cgroups", "true"],
  ] as const;
  const known = wanted.filter(([option]) => new RegExp(`^ +${option}\\b`, "m").test(help));
  return { options: known.map(([option, value]) => `-${option}=${value}`), platform };
}

/** Finds the runtime in the system directories (or at `override`) and asks for its version. */
export async function findOciTool(runtime: OciRuntime, override?: string): Promise<OciToolReport> {
  const { program, install: fix } = runtime;
  const path = findExecutable(program, override);
  if (path === undefined) return { reason: `${program} is not installed`, fix };
  const { stdout, stderr } = await runTool(path, ["--version"], 10_000);
  const version = /version[: ]+(?:release-)?(\S+)/.exec(stdout)?.[1];
  if (version === undefined) return { reason: `${path} does not say its version: ${stderr.trim()}`, fix };
  if (runtime.hasOwnKernel) return { tool: { path, version, ...(await gvisorOptions(path)) } };
  // crun would look for a way to manage control groups; the engine has its own.
  const options = runtime.name === "crun" ? ["--cgroup-manager=disabled"] : [];
  return { tool: { path, version, options, platform: null } };
}
