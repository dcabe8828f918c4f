/** The file system that a program sees is its own, and read-only but for its own places. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { type Check, checksOf } from "../check.ts";
import { newMarker } from "../host/marked-process.ts";
import { assertExit, bash, code, describeOutcome, python, runReport } from "../programs.ts";

const rootOnly = { mayPass: "the user of the tests may not do it on the host either" } as const;

/** Group `files`: mounts, devices, system directories. */
export const fileSystemChecks: readonly Check[] = checksOf("files", [
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
      // Fields: mountinfo in proc(5). Single device nodes bound into /dev need devices, and a container hides a file
      // of /proc by binding /dev/null on it.
      const list = code`
        import json
        faults = []
        for line in open("/proc/self/mountinfo"):
            fields = line.split()
            point, options = fields[4], fields[5].split(",")
            if "nosuid" not in options: faults.append(point + " lets set-user-id work")
            mask = fields[3] == "/null" and point.startswith("/proc/")
            if "nodev" not in options and not point.startswith("/dev") and not mask: faults.append(point + " lets devices work")
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
