/** The host's files, devices and mounts are out of reach. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { lstat, open, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { type Check, type CheckDefinition, checksOf, CheckNotApplicableError } from "../check.ts";
import { halves, newMarker, startMarked } from "../host/marked-process.ts";
import { createSecretFile } from "../host/secret-file.ts";
import { assertExit, bash, code, describeOutcome, python, runReport } from "../programs.ts";

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
  import json, os, stat, sys
  flags = {"r": os.O_RDONLY, "w": os.O_WRONLY}[sys.argv[1]] | os.O_NONBLOCK
  opened = []
  for path in sys.argv[2:]:
      try:
          fd = os.open(path, flags)
          if sys.argv[1] == "w" or stat.S_ISDIR(os.fstat(fd).st_mode) or os.read(fd, 1): opened.append(path)
          os.close(fd)
      except OSError:
          pass
  print(json.dumps(opened))
`;

function closed(
  name: string,
  title: string,
  mode: "r" | "w",
  paths: readonly string[],
  incident?: string,
): CheckDefinition {
  return {
    name,
    title,
    ...(incident === undefined ? {} : { incident }),
    control: rootOnly,
    async run({ engine }) {
      assert.deepEqual(await runReport<string[]>(engine, python(OPENABLE, { args: [mode, ...paths] })), []);
    },
  };
}

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

/** Group `files`: the host. */
export const hostFileChecks: readonly Check[] = checksOf("files", [
  ...secretPlaces,
  closed("shadow", "does not show /etc/shadow, /etc/sudoers and the host's keys", "r", [
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/sudoers",
    "/etc/machine-id",
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssh/ssh_host_ed25519_key",
    "/var/lib/systemd/random-seed",
  ]),
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
  closed("devices", "has no disks, no memory devices and no other hardware", "r", [
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
  ]),
  closed(
    "kernel-files",
    "does not let kernel settings be written",
    "w",
    [
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
    "CVE-2025-31133 and CVE-2025-52881: masked paths and redirected writes below /proc",
  ),
  closed("kernel-memory", "does not show the kernel's memory and log", "r", [
    "/proc/kcore",
    "/proc/kmsg",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/firmware/acpi",
    "/sys/firmware/dmi",
  ]),
  {
    name: "cgroup-filesystem",
    title: "has no writable control group, hence no release_agent",
    incident: "CVE-2022-0492: release_agent of a cgroup v1 hierarchy",
    control: rootOnly,
    async run({ engine }) {
      const search = code`
        import json, os
        points = [line.split()[4] for line in open("/proc/self/mountinfo") if " - cgroup" in line]
        writable = []
        for top in points + ["/sys/fs/cgroup"]:
            for folder, below, files in os.walk(top):
                if folder.count("/") > 6: below.clear()
                writable += [path for path in [folder] + [os.path.join(folder, file) for file in files] if os.access(path, os.W_OK)]
        print(json.dumps(writable[:10]))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(search)), []);
    },
  },
  {
    name: "root-directory",
    title: "has a root directory of its own, and /root and /home without the host's content",
    control: "fails",
    async run({ engine }) {
      const look = code`
        import json, os
        def entries(path):
            try: return sorted(os.listdir(path))
            except OSError: return []
        root = os.stat("/")
        print(json.dumps({"root": f"{root.st_dev}:{root.st_ino}", "homes": entries("/root") + entries("/home")}))
      `;
      const { root } = await runReport<{ root: string; homes: string[] }>(engine, python(look));
      const host = statSync("/");
      assert.notEqual(root, `${host.dev}:${host.ino}`, "/ is the host's");
    },
  },
  {
    name: "mounts",
    title: "has every mount without set-user-id and without devices, and the system read-only",
    incident: "CVE-2025-52565: a mount of the host's devices over the sandbox's",
    control: "fails",
    async run({ engine }) {
      // Fields: mountinfo in proc(5). Single device nodes bound into /dev need devices.
      const list = code`
        import json
        faults = []
        for line in open("/proc/self/mountinfo"):
            fields = line.split()
            point, options = fields[4], fields[5].split(",")
            if "nosuid" not in options: faults.append(point + " lets set-user-id work")
            if "nodev" not in options and not point.startswith("/dev"): faults.append(point + " lets devices work")
            if point.split("/")[1] in ("usr", "etc", "bin", "sbin", "lib", "lib64", "opt") and "ro" not in options:
                faults.append(point + " is writable")
        print(json.dumps(faults))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(list)), []);
    },
  },
  {
    name: "system-read-only",
    title: "does not let a program write to /usr, /etc, /bin, /lib or /",
    incident: "CVE-2019-5736: overwriting the host's binary from inside",
    control: rootOnly,
    async run({ engine }) {
      const name = `.${newMarker()}`;
      const write = code`
        import json, os, sys
        written = []
        for folder in ("/usr", "/usr/bin", "/usr/local/bin", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/var", "/"):
            path = os.path.join(folder, sys.argv[1])
            try:
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
                os.unlink(path)
                written.append(folder)
            except OSError:
                pass
        for path in (sys.executable, "/bin/sh", "/etc/passwd", "/etc/ld.so.preload", "/etc/resolv.conf"):
            try:
                os.close(os.open(path, os.O_WRONLY))
                written.append(path)
            except OSError:
                pass
        print(json.dumps(written))
      `;
      const written = await runReport<string[]>(engine, python(write, { args: [name] }));
      for (const folder of ["/usr", "/etc", "/"])
        await assert.rejects(lstat(`${folder}/${name}`), "a file was left on the host");
      assert.deepEqual(written, []);
    },
  },
  {
    name: "planted-links",
    title: "never follows links that the program planted where the host may write, own or delete",
    incident: "CVE-2024-28185 and CVE-2024-28189: Judge0 wrote and chowned through a planted symlink",
    async run({ engine }) {
      await using victim = await createSecretFile("untouched");
      const before = await victim.fingerprint();
      const plant = code`
        victim=$1; folder=$2
        for name in main.sh run run_script compile_script stdin stdout stderr stdout.txt stderr.txt out output result.json metadata .box box core prog a.out; do
          rm -rf "$name"; ln -s "$victim" "$name" 2>/dev/null
        done
        for place in "$HOME" /tmp /dev/shm; do ln -sfn "$folder" "$place/link"; done
        cd ..; mv "$OLDPWD" moved 2>/dev/null && ln -s "$folder" "$OLDPWD"
        exit 0
      `;
      for (let round = 0; round < 2; round += 1) {
        assertExit(await engine.run(bash(plant, { args: [victim.path, victim.directory] })), 0);
      }
      assert.equal(await victim.fingerprint(), before);
      await Promise.all(["/tmp/link", "/dev/shm/link"].map((path) => rm(path, { force: true })));
      assertExit(await engine.run(bash("true")), 0);
    },
  },
  {
    name: "descriptors",
    title: "opens nothing but 0, 1 and 2 for the program, and those are streams",
    incident: "CVE-2024-21626: a leaked descriptor of the host's file system",
    async run({ engine }) {
      const list = code`
        import json, os, stat
        own = {}
        for fd in os.listdir("/proc/self/fd"):
            try: mode = os.fstat(int(fd)).st_mode
            except OSError: continue
            kind = "stream" if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else os.readlink(f"/proc/self/fd/{fd}")
            own[fd] = kind if int(fd) < 3 else os.readlink(f"/proc/self/fd/{fd}")
        print(json.dumps(own))
      `;
      const own = await runReport<Record<string, string>>(engine, python(list));
      assert.deepEqual(own, { 0: own["0"], 1: "stream", 2: "stream" });
      assert.ok(own["0"] === "stream" || own["0"] === "/dev/null", own["0"]);
    },
  },
  {
    name: "descriptors-of-others",
    title: "shows no open file of the host through any process's descriptors, not even a deleted one",
    incident: "a helper process of the sandbox that keeps a file of the host open",
    control: "fails",
    async run({ engine }) {
      const secret = newMarker();
      const file = await createSecretFile(secret);
      await using _open = await open(file.path);
      // From here on the descriptor is the only way to it.
      await file[Symbol.asyncDispose]();
      const search = code`
        import json, os, stat, sys
        wanted = (sys.argv[1] + sys.argv[2]).encode()
        found = []
        for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
            try: fds = os.listdir(f"/proc/{pid}/fd")
            except OSError: continue
            for fd in fds:
                path = f"/proc/{pid}/fd/{fd}"
                try:
                    if stat.S_ISREG(os.stat(path).st_mode) and wanted in open(path, "rb").read(200): found.append(path)
                except OSError:
                    pass
        print(json.dumps(found))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(search, { args: halves(secret) })), []);
    },
  },
  {
    name: "host-processes",
    title: "does not show the host's processes, their arguments and environment",
    control: "fails",
    async run({ engine }) {
      const marker = newMarker();
      await using _host = await startMarked(marker);
      const search = code`
        import json, os, sys
        wanted = (sys.argv[1] + sys.argv[2]).encode()
        found = []
        for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
            for file in ("cmdline", "environ"):
                try:
                    if wanted in open(f"/proc/{pid}/{file}", "rb").read(): found.append(f"{pid} {file}")
                except OSError:
                    pass
        print(json.dumps(found))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(search, { args: halves(marker) })), []);
    },
  },
  {
    name: "make-devices",
    title: "does not let a program make device files",
    control: rootOnly,
    async run({ engine }) {
      const make = code`
        import json, os, stat
        made = []
        for name, kind, major, minor in (("disk", stat.S_IFBLK, 8, 0), ("memory", stat.S_IFCHR, 1, 1), ("kmsg", stat.S_IFCHR, 1, 11)):
            for folder in (".", "/tmp", "/dev"):
                path = os.path.join(folder, name + "-contract")
                try:
                    os.mknod(path, kind | 0o600, os.makedev(major, minor))
                    made.append(path)
                    os.unlink(path)
                except OSError:
                    pass
        print(json.dumps(made))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(make)), []);
    },
  },
  {
    name: "set-user-id",
    title: "gives nothing to programs with set-user-id, the system's or its own",
    control: { mayPass: "the host has no program with set-user-id, or mounts all without" },
    async run({ engine }) {
      const source = code`
        import glob, json, os, shutil, stat
        shutil.copy("/bin/true", "own")
        os.chmod("own", 0o6755)
        able = []
        for path in glob.glob("/usr/bin/*") + glob.glob("/usr/sbin/*") + glob.glob("/usr/lib/*/*helper*") + ["own"]:
            try:
                if os.stat(path).st_mode & stat.S_ISUID and not os.statvfs(path).f_flag & os.ST_NOSUID: able.append(path)
            except OSError:
                pass
        print(json.dumps(able))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(source)), []);
    },
  },
  {
    name: "users-of-the-host",
    title: "does not show the host's user names",
    control: { mayPass: "the user of the tests has no name" },
    async run({ engine }) {
      const outcome = await engine.run(bash("cut -d: -f1 /etc/passwd 2>/dev/null; true"));
      assertExit(outcome, 0);
      const names = new TextDecoder().decode(outcome.stdout).trim().split("\n");
      const service = ["daemon", "www-data", "sshd", "postgres", "_apt"].filter((name) => names.includes(name));
      assert.deepEqual(service, [], describeOutcome(outcome));
    },
  },
]);
