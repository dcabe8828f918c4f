import type { InstalledLanguage } from "../languages/types.ts";
import type { Belt, ProbeReport } from "../types.ts";
import { startIsolate } from "./isolate.ts";
import type { Ready } from "./prepare.ts";
import { NAME } from "./tools.ts";

const PROBE_LIMITS = { memoryBytes: 64 * 1024 * 1024, cpuSeconds: 10 };

/** Starts a process with every defence on, and says what this host adds. */
export async function probe(host: Ready, languages: readonly InstalledLanguage[]): Promise<ProbeReport> {
  const started = await startIsolate(host, "javascript", PROBE_LIMITS, () => Promise.resolve());
  const failure = "failure" in started ? started.failure : null;
  if (!("failure" in started)) await started.close();
  const { denoVersion, pyodideVersion } = host.tools;
  return {
    engine: NAME,
    isolation: "wasm",
    available: failure === null,
    version: `deno ${denoVersion}, pyodide ${pyodideVersion}`,
    reason: failure === null ? null : `deno cannot be started here: ${failure}`,
    fix:
      failure === null
        ? null
        : `npm install, on a platform that Deno is built for (this is ${process.platform} on ${process.arch})`,
    belts: beltsOf(host, failure === null, languages),
  };
}

function beltsOf({ cgroups, uids, wrapper }: Ready, works: boolean, languages: readonly InstalledLanguage[]): Belt[] {
  const belt = (name: string, on: boolean, detail: string): Belt => ({ name, on: works && on, detail });
  const { memory, pids, cpu, detail } = cgroups.belts;
  return [
    belt("no-permissions", true, `V8 and Deno: ${languages.map(({ name }) => name).join(", ")}; no files, no network`),
    belt("namespaces", false, "none: the process is an ordinary one of this host"),
    belt("seccomp", false, "none"),
    belt("rlimits", true, "no file can be written, 64 descriptors, processor time, no core dump"),
    belt(
      "cgroup-memory",
      memory,
      memory ? detail : `${detail}; memory is looked at every 20 ms (200 ms without /proc)`,
    ),
    belt("cgroup-pids", pids && memory, pids && memory ? detail : `${detail}; threads are not limited`),
    belt("cgroup-cpu", cpu && memory, cpu && memory ? detail : `${detail}; no limit on cores at once`),
    belt(
      "uid-per-process",
      uids !== null,
      uids === null ? "needs root, and Deno where every user can reach it" : "an unused host uid for every process",
    ),
    belt(
      "ends-with-service",
      wrapper.length > 0,
      wrapper.length > 0 ? "the kernel ends it when the service ends; no_new_privs" : "needs setpriv (util-linux)",
    ),
  ];
}
