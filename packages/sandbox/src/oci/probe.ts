import type { Belt, ProbeReport } from "../types.ts";
import type { LimitBounds } from "../limits.ts";
import { idsOf, writeBundle } from "./container.ts";
import type { Ready } from "./prepare.ts";
import { OCI_INSIDE } from "./inside.ts";
import { boxArchive, DIE_WITH_RUNTIME, ownKernelScript, unpackScript } from "./script.ts";
import { startContainer } from "./start.ts";

/** Starts a container with every defence on; null when it came up, else why not. */
async function trial(host: Ready, bounds: LimitBounds): Promise<string | null> {
  const { hasOwnKernel } = host.runtime;
  const archive = boxArchive({ files: [], stdin: new Uint8Array() });
  const script = [
    ...(hasOwnKernel ? [ownKernelScript()] : []),
    unpackScript(archive.length),
    "read -r go <&3",
    // Either is refused.
    ...(host.deniedCalls?.off === null ? ["unshare -m true; chroot . true"] : []),
  ].join("\n");
  const bundle = writeBundle(host, {
    rootfs: host.system.rootfs.dir,
    args: [...(hasOwnKernel ? [] : DIE_WITH_RUNTIME), OCI_INSIDE.shell, "-c", script],
    env: {},
    boxBytes: bounds.min.diskBytes,
    diskBytes: bounds.min.diskBytes,
    systemMounts: host.system.rootfs.mounts,
    ids: idsOf(0),
    seccomp: host.seccomp,
    hasOwnKernel,
  });
  const started = await startContainer(host, {
    bundle,
    pipes: host.probePipes,
    group: null,
    archive,
    compiles: false,
    compileEndMark: "",
    ownProcesses: 0,
    signal: undefined,
  });
  if ("failure" in started) return started.failure;
  started.sandbox.control.end("go\n");
  started.sandbox.control.resume();
  await started.sandbox.ended;
  const isBlind = host.deniedCalls?.off === null && started.deniedCalls().numbers.length === 0;
  await started.close();
  return isBlind ? "it was refused a system call, and nobody was told" : null;
}

function beltsOf(host: Ready, works: boolean): Belt[] {
  const { cgroups, runtime, script, tool } = host;
  const { memory, pids, cpu, detail } = cgroups.belts;
  const belt = (name: string, on: boolean, said: string): Belt => ({ name, on: works && on, detail: said });
  const shared = [
    belt("cgroup-memory", memory, memory ? detail : `${detail}; memory is limited for each process alone`),
    belt("cgroup-cpu", cpu, cpu ? detail : `${detail}; no limit on cores at once`),
  ];
  if (runtime.hasOwnKernel) {
    return [
      belt("own-kernel", true, `gVisor, platform ${tool.platform}; no network stack`),
      belt("namespaces", true, "user, pid, network, ipc, uts, mount around gVisor itself"),
      belt("seccomp", true, "gVisor's own filter around itself"),
      belt("no-capabilities", true, "all dropped inside, no_new_privs"),
      belt("rlimits", true, "processor time, file size, open files; each process"),
      ...shared,
      belt("cgroup-pids", true, `gVisor's own group for the program's processes${pids ? `; around it ${detail}` : ""}`),
      belt(
        "uid-per-slot",
        false,
        "file server: an unused host uid for every run; gVisor's kernel: nobody, for all runs",
      ),
    ];
  }
  const limited = script.spareProcesses !== null;
  return [
    belt("namespaces", true, "user, pid, network, ipc, uts, mount, cgroup"),
    belt("seccomp", true, `allow-list for ${process.arch}`),
    belt("no-capabilities", true, "all dropped, no_new_privs"),
    belt("rlimits", true, `processor time, file size, open files${limited ? ", processes" : ""}; each process`),
    ...shared,
    belt("cgroup-pids", pids, pids ? detail : `${detail}; processes are limited by RLIMIT_NPROC`),
    belt("uid-per-slot", true, "an unused host uid for every run at the same time"),
    belt(
      "sees-denied-calls",
      host.deniedCalls?.off === null,
      host.deniedCalls?.off ?? "denied system calls that no ordinary program makes",
    ),
  ];
}

/** What the runtime's own words point to; the trial's message is the reason all the same. */
function fixFor(host: Ready, failure: string): string {
  if (/cgroup/i.test(failure)) return "use runc here, or a host with cgroup v2 alone";
  if (/user namespace|uid_map|clone/i.test(failure)) return "allow user namespaces on this host";
  return `upgrade ${host.runtime.program}, or see what it says`;
}

/** Says what this host gives, by starting a container. */
export async function probeOci(host: Ready, bounds: LimitBounds): Promise<ProbeReport> {
  const { runtime, tool } = host;
  let failure = await trial(host, bounds);
  if (failure !== null && host.deniedCalls?.off === null) {
    // Perhaps that is all that does not work.
    host.deniedCalls.turnOff(failure);
    failure = await trial(host, bounds);
  }
  return {
    engine: runtime.name,
    isolation: runtime.isolation,
    available: failure === null,
    version: tool.version,
    reason: failure === null ? null : `${runtime.program} cannot start a container here: ${failure}`,
    fix: failure === null ? null : fixFor(host, failure),
    belts: beltsOf(host, failure === null),
  };
}
