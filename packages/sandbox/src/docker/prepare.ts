import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { INSIDE_UID } from "../bubblewrap/layout.ts";
import { slotUid } from "../bubblewrap/uids.ts";
import { EngineUnavailableError } from "../errors.ts";
import type { ScriptOptions } from "../launcher/script.ts";
import { instanceName, isAbandoned } from "../process/instance.ts";
import { seccompArch } from "../seccomp/compile.ts";
import { ociSeccomp } from "../seccomp/oci.ts";
import type { OciSeccomp } from "../seccomp/oci.ts";
import type { IsolationLevel } from "../types.ts";
import type { DaemonInfo, DockerApi } from "./api.ts";
import { LABELS } from "./container.ts";
import { detectInImages } from "./images.ts";
import type { ImageContents } from "./images.ts";
import { dockerProfile } from "./seccomp.ts";
import { levelOf, NAME } from "./settings.ts";
import type { DockerSettings } from "./settings.ts";
import { adviceFor, faultWords } from "./words.ts";

export const CALL_TIMEOUT_MS = 30_000;

/** Everything that is made once, at the first probe. */
export interface Ready {
  readonly settings: DockerSettings;
  readonly api: DockerApi;
  readonly info: DaemonInfo;
  readonly runtime: string;
  readonly level: IsolationLevel;
  readonly languages: ImageContents["languages"];
  readonly tools: ImageContents["tools"];
  /** Groups are the daemon's affair. */
  readonly cgroups: null;
  readonly script: ScriptOptions;
  readonly seccomp: OciSeccomp | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly uidOf: (slot: number) => number;
  /** Containers that could not be removed; nothing runs until they are. */
  readonly leftovers: Set<string>;
  readonly resources: DisposableStack;
}

/** A boot's name; without one, containers of an earlier life of this host are not told from a living instance's. */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/** Removes what instances that no longer live have left with this daemon. Returns the ids. */
async function sweep(api: DockerApi, labels: Readonly<Record<string, string>>): Promise<string[]> {
  const removed: string[] = [];
  const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
  for (const { id, labels: found } of await api.labelled(LABELS.instance, signal)) {
    // A daemon can serve several hosts: those of others are for them to judge.
    if (found[LABELS.host] !== labels[LABELS.host]) continue;
    const isOfEarlierLife = found[LABELS.boot] !== labels[LABELS.boot];
    if (!isOfEarlierLife && !isAbandoned(found[LABELS.instance] ?? "")) continue;
    await api.remove(id, signal);
    removed.push(id);
  }
  return removed;
}

const unreachable = (settings: DockerSettings, error: unknown): EngineUnavailableError =>
  new EngineUnavailableError(
    NAME,
    `the Docker daemon at ${settings.host} does not answer: ${(error as Error).message}`,
    "start it, or correct CRUCIBLE_DOCKER_HOST",
  );

/** @throws EngineUnavailableError naming what is missing: the setting, the daemon, the runtime or an image. */
export async function makeReady(settings: DockerSettings | undefined): Promise<Ready> {
  if (settings === undefined)
    throw new EngineUnavailableError(
      NAME,
      "no Docker daemon is named",
      "set CRUCIBLE_DOCKER_HOST and CRUCIBLE_DOCKER_IMAGES",
    );
  // Only where Docker is used: the library takes 20 MB, which every process that starts sandboxes would copy with each.
  const { openDockerApi } = await import("./api.ts");
  const api = openDockerApi(settings.host);
  const runtime = settings.runtime ?? "runc";
  const level = levelOf(runtime);
  const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
  let info: DaemonInfo;
  try {
    info = await api.info(signal);
  } catch (error) {
    throw unreachable(settings, error);
  }
  if (!info.runtimes.includes(runtime))
    throw new EngineUnavailableError(
      NAME,
      `the daemon has no runtime ${runtime}; it has ${info.runtimes.join(", ")}`,
      "add it to the daemon's configuration, or correct CRUCIBLE_DOCKER_RUNTIME",
    );
  const wanted = [...new Set(Object.values(settings.images))];
  if (wanted.length === 0)
    throw new EngineUnavailableError(NAME, "no image is named", `set CRUCIBLE_DOCKER_IMAGES, such as {"*": "IMAGE"}`);
  for (const image of wanted) {
    if ((await api.imageId(image, signal)) === null)
      throw new EngineUnavailableError(NAME, `the daemon does not have the image ${image}`, `docker pull ${image}`);
  }
  // As uname(1) has it, and as Podman does.
  const arch = seccompArch({ x86_64: "x64", amd64: "x64", aarch64: "arm64" }[info.architecture] ?? info.architecture);
  if (arch === null && level === "container")
    throw new EngineUnavailableError(
      NAME,
      `no seccomp profile for processor ${info.architecture}`,
      "use x86-64 or arm64",
    );
  const labels = { [LABELS.instance]: instanceName(), [LABELS.host]: hostname(), [LABELS.boot]: bootId() };
  await sweep(api, labels);
  // Under a daemon that maps users, high numbers are not mapped, and its own mapping keeps us from the host's users.
  const mapsUsers = info.securityOptions.some((option) => option.startsWith("name=userns"));
  const uidOf = (slot: number): number => (mapsUsers ? INSIDE_UID : slotUid(slot));
  const seccomp = arch === null || level !== "container" ? null : dockerProfile(ociSeccomp(arch), arch);
  const common = { api, labels, runtime, seccomp };
  const contents = await detectInImages(settings.images, { ...common, uid: uidOf(0) }).catch((error: unknown) => {
    const { reason, fix } = adviceFor(error) ?? { reason: faultWords(error), fix: "see docs/how-to/use-docker.md" };
    throw new EngineUnavailableError(NAME, `Docker cannot start an image here: ${reason}`, fix);
  });
  return {
    settings,
    api,
    info,
    runtime,
    level,
    ...contents,
    cgroups: null,
    // What counts processes of a user counts those of all containers with it: only the daemon can limit them.
    script: { processFlag: "-p", spareProcesses: null, limitData: !info.limits.memory },
    seccomp,
    labels,
    uidOf,
    leftovers: new Set(),
    resources: new DisposableStack(),
  };
}
