import type { Belt, ProbeReport } from "../types.ts";
import { isolatedOutput } from "./once.ts";
import type { Ready } from "./prepare.ts";
import { NAME } from "./settings.ts";

/** What a launcher needs of an image besides the language's own tools. */
const NEEDED = ["sh", "tar", "head", "cat", "cp", "chmod", "mkdir", "rm", "env", "df", "find"];

/** Starts a container of each image with every defence on, and looks whether a launcher could work in it. */
export async function probe(host: Ready): Promise<ProbeReport> {
  const { api, settings, labels, runtime, seccomp, info } = host;
  const images = [...new Set(Object.values(settings.images))];
  const script = `for n in ${NEEDED.join(" ")}; do command -v $n >/dev/null || echo $n; done; id -u`;
  const faults = await Promise.all(
    images.map(async (image) => {
      try {
        const said = await isolatedOutput({ api, image, script, labels, runtime, uid: host.uidOf(0), seccomp });
        const lacking = said.trim().split("\n").slice(0, -1);
        return lacking.length === 0 ? null : `the image ${image} lacks ${lacking.join(", ")}`;
      } catch (error) {
        return (error as Error).message;
      }
    }),
  );
  const fault = faults.find((one) => one !== null) ?? null;
  return {
    engine: NAME,
    isolation: host.level,
    available: fault === null,
    version: info.version,
    reason: fault === null ? null : `Docker cannot make a sandbox here: ${fault}`,
    fix: fault === null ? null : "see docs/how-to/use-docker.md",
    belts: beltsOf(host, fault === null),
  };
}

function beltsOf({ info, runtime, level, seccomp, settings }: Ready, works: boolean): Belt[] {
  const belt = (name: string, on: boolean, detail: string): Belt => ({ name, on: works && on, detail });
  const { memory, pids, cpu } = info.limits;
  const group = `cgroup v${info.cgroupVersion}, by the daemon`;
  const mapped = info.securityOptions.some((option) => option.startsWith("name=userns"));
  return [
    belt("namespaces", true, `pid, network, ipc, uts, mount, by ${runtime}`),
    belt("user-namespace", mapped, mapped ? "the daemon maps users" : "the daemon does not map users (userns-remap)"),
    belt(
      "seccomp",
      seccomp !== null || level !== "container",
      seccomp === null ? `${runtime}'s own` : "our allow-list",
    ),
    belt("no-capabilities", true, "all dropped, no_new_privs"),
    belt("rlimits", true, "processor time, file size, open files; each process"),
    belt("cgroup-memory", memory, memory ? group : "the daemon's host cannot limit memory"),
    belt("cgroup-pids", pids, pids ? group : "the daemon's host cannot limit processes"),
    belt("cgroup-cpu", cpu, cpu ? group : "the daemon's host cannot limit cores"),
    belt("uid-per-slot", !mapped, mapped ? "one mapped user for all" : "an unused uid for every run at the same time"),
    belt("no-devices", settings.gpus === undefined, settings.gpus === undefined ? "none" : "graphics processors"),
  ];
}
