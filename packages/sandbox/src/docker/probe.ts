import type { Belt, ProbeReport } from "../types.ts";
import { pidHere } from "./inner-pid.ts";
import { isolatedOutput } from "./once.ts";
import { CALL_TIMEOUT_MS } from "./prepare.ts";
import type { Ready } from "./prepare.ts";
import { NAME } from "./settings.ts";
import { adviceFor, faultWords } from "./words.ts";

/** What a launcher needs of an image besides the language's own tools. */
const NEEDED = ["sh", "tar", "head", "cat", "cp", "chmod", "mkdir", "rm", "env", "df", "find"];

/** What a host and its daemon can do. */
export interface Probed {
  readonly report: ProbeReport;
  /** Whether the containers' processes are seen from here, and their network can be entered. */
  readonly containersSeen: boolean;
}

/** Starts a container of each image with every defence on, and looks whether a launcher could work in it. */
export async function probe(host: Ready): Promise<Probed> {
  const { api, settings, labels, runtime, seccomp, info } = host;
  const images = [...new Set(Object.values(settings.images))];
  const script = `read -r go; for n in ${NEEDED.join(" ")}; do command -v $n >/dev/null || echo $n; done; id -u`;
  const { gpus } = settings;
  // gVisor's and Kata's containers have a network of their own kernel's, which is not in the host's namespace.
  const mayEnter = host.level === "container";
  let containersSeen = mayEnter;
  const onStarted = async (id: string): Promise<void> => {
    if (!containersSeen) return;
    const pid = await pidHere(api, id, AbortSignal.timeout(CALL_TIMEOUT_MS));
    containersSeen &&= pid !== null;
  };
  let fix = "see docs/how-to/use-docker.md";
  const faults = await Promise.all(
    images.map(async (image) => {
      try {
        const common = { api, image, script, labels, runtime, uid: host.uidOf(0), seccomp, onStarted };
        const said = await isolatedOutput({ ...common, ...(gpus === undefined ? {} : { gpus }) });
        const lacking = said.trim().split("\n").slice(0, -1);
        return lacking.length === 0 ? null : `the image ${image} lacks ${lacking.join(", ")}`;
      } catch (error) {
        const advice = adviceFor(error);
        fix = advice?.fix ?? fix;
        return advice?.reason ?? faultWords(error);
      }
    }),
  );
  const fault = faults.find((one) => one !== null) ?? null;
  const report = {
    engine: NAME,
    isolation: host.level,
    available: fault === null,
    version: info.version,
    reason: fault === null ? null : `Docker cannot make a sandbox here: ${fault}`,
    fix: fault === null ? null : fix,
    belts: beltsOf(host, fault === null),
  };
  return { report, containersSeen: containersSeen && fault === null };
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
