/** What the kernel would do for a program without system calls of the denied kind. */
import assert from "node:assert/strict";
import { type Check, checksOf } from "../../testing/check.ts";
import { code, python, runReport } from "../../testing/programs.ts";

/** Attacks of the group `kernel`. */
export const kernelAttacks: readonly Check[] = checksOf("kernel", [
  {
    name: "core-dumps",
    title: "cannot make the kernel write a core, or start the host's core handler",
    incident: "CVE-2025-4598, CVE-2015-1318 class: core_pattern starts a program of the host as root",
    control: { mayPass: "the host's own limit is 0 already" },
    async run({ engine }) {
      const look = code`
        import json, resource
        try: resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
        except (OSError, ValueError): pass
        print(json.dumps(resource.getrlimit(resource.RLIMIT_CORE)[1]))
      `;
      assert.equal(await runReport<number>(engine, python(look)), 0);
    },
  },
  {
    name: "dangerous-writes",
    title: "can write to no file that the kernel acts on: core_pattern, sysrq, modprobe, uevent_helper, binfmt_misc",
    incident: "CVE-2022-0492 class: release_agent, core_pattern, uevent_helper start programs of the host",
    control: { mayPass: "the user of the tests may not write them either" },
    async run({ engine }) {
      // access(2) asks, and writes nothing.
      const look = code`
        import glob, json, os
        wanted = ["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug", "/proc/sys/fs/binfmt_misc/register", "/sys/kernel/uevent_helper", "/proc/sys/kernel/sysrq", "/proc/sys/kernel/unprivileged_bpf_disabled", "/proc/sys/kernel/yama/ptrace_scope", "/proc/sys/vm/mmap_min_addr", "/proc/sys/net/ipv4/ip_forward", "/sys/module", "/proc/mtrr"]
        wanted += glob.glob("/sys/fs/cgroup/*/release_agent") + glob.glob("/sys/fs/cgroup/release_agent")
        print(json.dumps([path for path in wanted if os.access(path, os.W_OK)]))
      `;
      assert.deepEqual(await runReport<string[]>(engine, python(look)), []);
    },
  },
  {
    name: "low-memory",
    title: "can map nothing at address 0",
    incident: "CVE-2009-2692 class: null pointer of the kernel turned into a jump",
    control: { mayPass: "the host forbids it by mmap_min_addr, or the tests are not root" },
    async run({ engine }) {
      const attack = code`
        import ctypes, json
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_ssize_t
        # PROT_READ|WRITE, MAP_PRIVATE|FIXED|ANONYMOUS
        print(json.dumps(libc.mmap(ctypes.c_void_p(0), ctypes.c_size_t(4096), 3, 0x32, -1, ctypes.c_long(0))))
      `;
      assert.notEqual(await runReport<number>(engine, python(attack)), 0);
    },
  },
]);
