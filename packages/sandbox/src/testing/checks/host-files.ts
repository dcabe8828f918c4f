/** The host's files, devices and mounts are out of reach. */
import assert from "node:assert/strict";
import { homedir, tmpdir } from "node:os";
import { type Check, type CheckDefinition, checksOf, CheckNotApplicableError } from "../check.ts";
import { newMarker } from "../host/marked-process.ts";
import { createSecretFile } from "../host/secret-file.ts";
import { type Looks, seen } from "../looks.ts";
import { code, python, runReport } from "../programs.ts";

const rootOnly = { mayPass: "the user of the tests may not do it on the host either" } as const;

const secretPlaces = [
  { name: "tmpdir", title: "the host's directory for temporary files", directory: tmpdir },
  { name: "service", title: "the service's working directory", directory: () => process.cwd() },
  { name: "home", title: "the home directory of the service's user", directory: homedir },
].map(({ name, title, directory }): CheckDefinition => ({
  name: `secret-in-${name}`,
  title: `does not show files of ${title}`,
  incident: "CVE-2024-21626: a working directory outside the container",
  control: "fails",
  async run({ engine }) {
    const secret = newMarker();
    await using file = await createSecretFile(secret, directory()).catch((error: unknown) => {
      throw new CheckNotApplicableError(`no file can be made there: ${String(error)}`);
    });
    // Also by way of each process's root and working directory, and climbing from the own one.
    const search = code`
        import json, os, sys
        path = sys.argv[1]
        tries = [path, "../" * 12 + path]
        for pid in ["self"] + [name for name in os.listdir("/proc") if name.isdigit()]:
            tries += [f"/proc/{pid}/root{path}", f"/proc/{pid}/cwd/{'../' * 12}{path}"]
            try: fds = os.listdir(f"/proc/{pid}/fd")
            except OSError: continue
            tries += [f"/proc/{pid}/fd/{fd}/{up}{path}" for fd in fds for up in ("", "../" * 12)]
        read = {}
        for attempt in tries:
            try: read[attempt] = open(attempt).read()
            except OSError: pass
        print(json.dumps(read))
      `;
    const read = await runReport<Record<string, string>>(engine, python(search, { args: [file.path] }));
    assert.deepEqual(
      Object.entries(read).filter(([, content]) => content.includes(secret)),
      [],
    );
  },
}));

/** Opens each path with the mode and reports those that opened. Opening alone changes nothing. */
const OPENABLE = code`
  import os, stat
  def openable(mode, paths):
      opened = []
      for path in paths:
          try:
              fd = os.open(path, {"r": os.O_RDONLY, "w": os.O_WRONLY}[mode] | os.O_NONBLOCK)
              if mode == "w" or stat.S_ISDIR(os.fstat(fd).st_mode) or os.read(fd, 1): opened.append(path)
              os.close(fd)
          except OSError:
              pass
      return opened
`;

const DISKS = [
  "sda",
  "sda1",
  "vda",
  "vda1",
  "nvme0n1",
  "nvme0n1p1",
  "xvda",
  "dm-0",
  "loop0",
  "loop-control",
  "mapper/control",
  "fuse",
  "kvm",
  "vhost-net",
  "net/tun",
];

const SOCKETS = [
  "/var/run/docker.sock",
  "/run/docker.sock",
  "/run/containerd/containerd.sock",
  "/run/podman/podman.sock",
  "/run/crio/crio.sock",
  "/run/systemd/private",
  "/run/dbus/system_bus_socket",
  "/run/nscd/socket",
  "/tmp/.X11-unix",
];

/** Files and directories of the host that must not open. */
interface Closed {
  readonly name: string;
  readonly title: string;
  readonly mode: "r" | "w";
  readonly paths: readonly string[];
  readonly incident?: string;
}

const CLOSED: readonly Closed[] = [
  {
    name: "shadow",
    title: "does not show /etc/shadow, /etc/sudoers and the host's keys",
    mode: "r",
    paths: [
      "/etc/shadow",
      "/etc/gshadow",
      "/etc/sudoers",
      "/etc/machine-id",
      "/etc/ssh/ssh_host_rsa_key",
      "/etc/ssh/ssh_host_ed25519_key",
      "/var/lib/systemd/random-seed",
    ],
  },
  {
    name: "devices",
    title: "has no disks, no memory devices and no other hardware",
    mode: "r",
    paths: [
      ...DISKS.map((disk) => `/dev/${disk}`),
      "/dev/mem",
      "/dev/kmem",
      "/dev/port",
      "/dev/kmsg",
      "/dev/rtc0",
      "/dev/input",
      "/dev/dri",
      "/dev/nvidia0",
      "/dev/vsock",
    ],
  },
  {
    name: "kernel-files",
    title: "does not let kernel settings be written",
    incident: "CVE-2025-31133 and CVE-2025-52881: masked paths and redirected writes below /proc",
    mode: "w",
    paths: [
      "/proc/sys/kernel/core_pattern",
      "/proc/sys/kernel/hostname",
      "/proc/sys/kernel/modprobe",
      "/proc/sys/kernel/randomize_va_space",
      "/proc/sys/vm/overcommit_memory",
      "/proc/sys/fs/binfmt_misc/register",
      "/proc/sysrq-trigger",
      "/proc/irq/default_smp_affinity",
      "/sys/kernel/uevent_helper",
      "/sys/kernel/profiling",
      "/sys/power/state",
    ],
  },
  {
    name: "kernel-memory",
    title: "does not show the kernel's memory and log",
    mode: "r",
    paths: [
      "/proc/kcore",
      "/proc/kmsg",
      "/sys/kernel/debug",
      "/sys/kernel/security",
      "/sys/firmware/acpi",
      "/sys/firmware/dmi",
    ],
  },
];

const OPENED: Looks = {
  prelude: OPENABLE,
  expressions: Object.fromEntries(
    CLOSED.map(({ name, mode, paths }) => [name, `openable("${mode}", ${JSON.stringify(paths)})`]),
  ),
};

const closedChecks = CLOSED.map(({ mode: _mode, paths: _paths, ...check }): CheckDefinition => ({
  ...check,
  control: rootOnly,
  run: async (target) => assert.deepEqual(await seen<string[]>(target, OPENED, check.name), []),
}));

/** Group `files`: the host. */
export const hostFileChecks: readonly Check[] = checksOf("files", [
  ...secretPlaces,
  ...closedChecks,
  {
    name: "container-sockets",
    title: "has no container runtime's and no system service's socket",
    incident: "docker.sock mounted beside untrusted code (Vivaria)",
    control: { mayPass: "the host has no such socket" },
    async run({ engine }) {
      const look = "import json, os, sys; print(json.dumps([path for path in sys.argv[1:] if os.path.lexists(path)]))";
      assert.deepEqual(await runReport<string[]>(engine, python(look, { args: SOCKETS })), []);
    },
  },
]);
