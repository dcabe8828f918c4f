import type { ContainerCreateOptions } from "dockerode";
import { BASE_ENV, INSIDE } from "../bubblewrap/layout.ts";
import type { OciSeccomp } from "../seccomp/oci.ts";
import { boundsOf } from "./bounds.ts";
import type { ContainerBounds } from "./bounds.ts";

/** Labels of every container of ours: who made it, on which host and in which of that host's lives. */
export const LABELS = { instance: "crucible.instance", host: "crucible.host", boot: "crucible.boot" } as const;

/** What one container is made from. */
export interface ContainerPlan {
  readonly image: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly runtime: string;
  /** User and group of everything inside, never 0. */
  readonly uid: number;
  readonly bounds: ContainerBounds;
  /** The directory with the program, its build and its home, bytes; then /tmp and /dev/shm, bytes each. */
  readonly boxBytes: number;
  readonly diskBytes: number;
  readonly seccomp: OciSeccomp | null;
  readonly gpus: "all" | number | undefined;
}

/** The daemon's own defaults, and the kernel's settings, debugging and security files below /sys. */
const MASKED_PATHS = [
  ...["/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats"],
  ...["/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats"],
  ...["/sys/devices/virtual/powercap", "/sys/firmware", "/sys/kernel"],
];

/** Docker Engine API 1.41, fields that the library's types do not have. */
const MORE = { CgroupnsMode: "private", MaskedPaths: MASKED_PATHS } as const;

const tmpfs = (bytes: number, more: string): string => `rw,exec,nosuid,nodev,size=${bytes},${more}`;

/**
 * A container with nothing of the host's: no bind mount, no volume, no network, no capability, no way to gain rights,
 * nothing writable but tmpfs of limited size, and no log that the daemon would keep.
 */
export function containerOptions(plan: ContainerPlan): ContainerCreateOptions {
  const { uid } = plan;
  const security = ["no-new-privileges:true"];
  if (plan.seccomp !== null) security.push(`seccomp=${JSON.stringify(plan.seccomp)}`);
  return {
    Image: plan.image,
    Entrypoint: [],
    Cmd: [...plan.command],
    Env: Object.entries({ ...BASE_ENV, ...plan.env }).map(([name, value]) => `${name}=${value}`),
    User: `${uid}:${uid}`,
    WorkingDir: "/",
    Hostname: "sandbox",
    Labels: { ...plan.labels },
    Tty: false,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    // A daemon that stops or starts again asks first otherwise, and gives programs ten seconds each.
    StopSignal: "SIGKILL",
    // No health check of the image's runs beside the program.
    Healthcheck: { Test: ["NONE"] },
    NetworkDisabled: true,
    HostConfig: {
      ...boundsOf(plan.bounds),
      ...MORE,
      NetworkMode: "none",
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: security,
      Tmpfs: {
        [INSIDE.box]: tmpfs(plan.boxBytes, `mode=0755,uid=${uid},gid=${uid}`),
        "/tmp": tmpfs(plan.diskBytes, "mode=1777"),
      },
      IpcMode: "private",
      ShmSize: plan.diskBytes,
      Init: false,
      AutoRemove: false,
      RestartPolicy: { Name: "no" },
      LogConfig: { Type: "none", Config: {} },
      Runtime: plan.runtime,
      ...(plan.gpus === undefined
        ? {}
        : {
            DeviceRequests: [{ Driver: "", Count: plan.gpus === "all" ? -1 : plan.gpus, Capabilities: [["gpu"]] }],
          }),
    },
  };
}
