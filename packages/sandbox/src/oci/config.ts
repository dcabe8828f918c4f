import { BASE_ENV, INSIDE, INSIDE_UID } from "../bubblewrap/layout.ts";
import type { OciSeccomp } from "../seccomp/oci.ts";
import { OCI_INSIDE } from "./inside.ts";

/** OCI runtime specification 1.0.2, config.md, "Mounts". */
export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** Host ids of the container's user namespace: nobody's, and never 0. */
export interface IdMapping {
  /** What sets the container up, and owns its system; no process has it once the program runs. */
  readonly rootId: number;
  /** The program's. */
  readonly userId: number;
}

/** What one bundle is made from. */
export interface BundlePlan {
  /** Directory on the host that becomes the read-only root. */
  readonly rootfs: string;
  readonly args: readonly string[];
  /** On top of the sandbox's own. */
  readonly env: Readonly<Record<string, string>>;
  /** The writable tmpfs, bytes. */
  readonly boxBytes: number;
  /** Other writable places, where they are not in the same tmpfs, bytes each. */
  readonly diskBytes: number;
  readonly systemMounts: readonly OciMount[];
  readonly ids: IdMapping;
  readonly seccomp: OciSeccomp;
  /** Directory of the runtime's own group, relative to this process's. */
  readonly cgroupsPath: string;
  readonly hasOwnKernel: boolean;
  /** Pseudo-terminals of the sandbox's own, and /dev/tty; default: none. A runtime with its own kernel has some anyway. */
  readonly hasTerminals?: boolean;
}

const SAFE = ["nosuid", "nodev"];

/** A read-only look at a directory or file of the host. */
export const bindMount = (source: string, destination: string): OciMount => ({
  destination,
  type: "bind",
  source,
  options: ["rbind", "ro", ...SAFE],
});

const tmpfs = (destination: string, bytes: number, ...options: string[]): OciMount => ({
  destination,
  type: "tmpfs",
  source: "tmpfs",
  options: [...SAFE, `size=${bytes}`, ...options],
});

/** Device nodes that ordinary programs open; no tty, no pts. */
const DEVICES = ["null", "zero", "full", "urandom"];

/** Pseudo-terminals that belong to the sandbox alone. */
const PTS: OciMount = {
  destination: "/dev/pts",
  type: "devpts",
  source: "devpts",
  options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
};

/** Kernel files that tell of the host; the runtimes' own defaults, as far as they are files. */
const MASKED_PATHS = [
  "/proc/kcore",
  "/proc/keys",
  "/proc/kmsg",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/timer_list",
  "/proc/timer_stats",
];
/** Directories among the defaults too: runtimes hide those under a mount in which set-user-id would work. */
const READ_ONLY_PATHS = [
  ...["/proc/acpi", "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/scsi", "/proc/sys"],
  "/proc/sysrq-trigger",
];

/**
 * What gVisor's launcher may do inside, to gVisor's kernel and to nothing else: mount the group that counts
 * processes, unpack files for the program's user, become that user, end what it has left. The program has none of it.
 */
const LAUNCHER_CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_ADMIN",
];

function mountsOf(plan: BundlePlan): OciMount[] {
  const proc: OciMount = { destination: "/proc", type: "proc", source: "proc", options: [...SAFE, "noexec"] };
  if (plan.hasOwnKernel) {
    // It brings devices of its own, a /dev/shm that only root can write to, and a /tmp without a size.
    return [
      proc,
      ...plan.systemMounts,
      tmpfs(INSIDE.box, plan.boxBytes, "mode=0755"),
      tmpfs("/tmp", plan.diskBytes, "mode=1777"),
      tmpfs("/dev/shm", plan.diskBytes, "mode=1777"),
    ];
  }
  const { hasTerminals = false } = plan;
  const devDir = `${plan.rootfs}${hasTerminals ? OCI_INSIDE.terminalDev : "/dev"}`;
  const devices = [...DEVICES, ...(hasTerminals ? ["tty"] : [])].map((name): OciMount => {
    const path = `/dev/${name}`;
    return { destination: path, type: "bind", source: path, options: ["bind", "nosuid", "noexec"] };
  });
  return [
    // The runtime's own read-only root would keep the flags of the host's file system.
    { destination: "/", type: "bind", source: plan.rootfs, options: ["bind", "ro", ...SAFE] },
    proc,
    // With a bind mount here, runtimes make no devices and no terminals of their own.
    { destination: "/dev", type: "bind", source: devDir, options: ["bind", "ro", "nosuid", "noexec"] },
    ...devices,
    ...(hasTerminals ? [PTS] : []),
    ...plan.systemMounts,
    tmpfs(INSIDE.box, plan.boxBytes, "mode=0755", `uid=${INSIDE_UID}`, `gid=${INSIDE_UID}`),
  ];
}

/**
 * The config.json of one run: everything private, nothing allowed, nothing writable but one tmpfs of limited size.
 * Control groups and resource limits are not in it: the engine and the launcher set them, the same way for all engines.
 */
export function bundleConfig(plan: BundlePlan): unknown {
  const { rootId, userId } = plan.ids;
  const ids = [
    { containerID: 0, hostID: rootId, size: 1 },
    { containerID: INSIDE_UID, hostID: userId, size: 1 },
  ];
  const uid = plan.hasOwnKernel ? 0 : INSIDE_UID;
  const capabilities = plan.hasOwnKernel ? LAUNCHER_CAPABILITIES : [];
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid, gid: uid, umask: 0o022 },
      args: plan.args,
      env: Object.entries({ ...BASE_ENV, ...plan.env }).map(([name, value]) => `${name}=${value}`),
      cwd: "/",
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: true,
    },
    root: { path: plan.rootfs, readonly: plan.hasOwnKernel },
    hostname: "sandbox",
    mounts: mountsOf(plan),
    linux: {
      namespaces: ["user", "pid", "network", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
      uidMappings: ids,
      gidMappings: ids,
      cgroupsPath: plan.cgroupsPath,
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READ_ONLY_PATHS,
      seccomp: plan.seccomp,
    },
  };
}
