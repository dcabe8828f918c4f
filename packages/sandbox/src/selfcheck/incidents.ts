/** The class of incidents for checks of the contract that name none of their own, by check id. */
export const INCIDENTS: Readonly<Record<string, string>> = {
  "resources.neighbour": "noisy neighbour: one submission starves all others (codex#38909)",
  "resources.thread-bomb": "fork bomb by threads, which RLIMIT_NPROC or a process count forgets",
  "resources.zombie-farm": "pid exhaustion by children that nobody reaps (Agenta#5172)",
  "resources.cpu-together": "processor limit for each process, got around by starting many",
  "resources.cpu-share": "noisy neighbour: all cores taken by one submission",
  "resources.memory-bomb": "memory exhaustion: the host's own processes are killed for memory",
  "resources.memory-peak": "memory accounting that does not see what a program takes",
  "resources.output-flood": "output flood that fills the service's own memory",
  "resources.all-at-once": "exhaustion of several resources at once",
  "resources.open-files-bomb": "descriptor exhaustion, of the host's file table too",
  "resources.limits-cannot-be-raised": "resource limits that are soft, or set as the program's own user",
  "processes.positive-control": "a check that finds nothing because it cannot see (positive control)",
  "files.shadow": "password hashes and host keys read from inside",
  "files.devices": "raw disks and memory devices in the sandbox (privileged containers)",
  "files.kernel-memory": "kernel memory and log readable: /proc/kcore, /sys/kernel/debug",
  "files.root-directory": "chroot to the host's own root, or none at all (CVE-2024-21626 class)",
  "files.make-devices": "mknod in a container that kept CAP_MKNOD",
  "files.set-user-id": "CVE-2021-4034 class: set-user-id programs as the way to root",
  "files.users-of-the-host": "host's user names learned from a shared /etc/passwd",
  "files.host-processes": "secrets on the command lines of the host's processes",
  "files.own-files-fresh": "a submission that changes what the next one runs",
  "secrets.child-environment": "environment of the service inherited by children (dify-sandbox, SandboxFusion)",
  "secrets.service-arguments-of-next-run": "one submission reads another's code and input through /proc",
  "kernel.no-new-privileges": "CVE-2021-4034 class: privileges gained by execve",
  "kernel.not-root-inside": "CVE-2019-5736 class: root inside, with the host's files in reach",
  "kernel.process-ids": "the host's pid namespace shared with the sandbox",
  "kernel.hostname": "the host's name learned, for what comes after",
  "kernel.ordinary-calls": "a filter so strict that operators switch it off",
  "network.tcp-loopback-ipv6": "CVE-2025-66479 class, over IPv6: rules that know IPv4 alone",
  "network.tcp-other-address": "services of the host reached by its outer address",
  "network.udp-loopback": "filters that forget datagrams: DNS and syslog of the host",
  "network.names": "data smuggled out in DNS questions",
  "network.raw-sockets": "CVE-2020-14386 class: raw and packet sockets",
  "network.interfaces": "the host's network namespace shared with the sandbox",
  "tenancy.see-others": "one submission sees another's processes",
  "tenancy.signal-others": "one submission ends another's processes",
  "tenancy.cancel-one": "a cancellation that hits the wrong submission",
  "tenancy.cancel-waiting": "a cancellation that hits the wrong submission",
  "cleanup.temporary-files": "sandboxes left behind fill the host (isolate, Judge0)",
  "cleanup.close-ends-runs": "processes that outlive the service (inspect_ai#2779)",
  "cleanup.close-twice": "a second clean-up that removes what is another's",
};

/** Families of checks that share a class, by the beginning of the id; the longest that fits counts. */
export const INCIDENT_FAMILIES: Readonly<Record<string, string>> = {
  "kernel.capabilities-": "CVE-2022-24769 class: capabilities left in a set that nobody looked at",
  "kernel.namespace-": "a namespace of the host shared by mistake (--net=host, --pid=host)",
  "kernel.call-": "CVE-2022-0185 class: kernel bugs behind system calls that no ordinary program needs",
  "kernel.call-unshare": "CVE-2022-0492, CVE-2023-32233: user namespaces as the door to kernel bugs",
  "kernel.call-clone": "CVE-2022-0492, CVE-2023-32233: user namespaces as the door to kernel bugs",
  "kernel.call-mount": "CVE-2022-0185: mount interfaces of the kernel",
  "kernel.call-fsopen": "CVE-2022-0185: fsconfig heap overflow",
  "kernel.call-chroot": "chroot escape: a second chroot from inside the first",
  "kernel.call-pivot-root": "CVE-2024-21626 class: the root moved from inside",
  "kernel.call-ptrace": "CVE-2019-13272 class: ptrace of a neighbour or a helper",
  "kernel.call-process-vm": "CVE-2019-13272 class: another process's memory",
  "kernel.call-pidfd-getfd": "another process's descriptors taken",
  "kernel.call-bpf": "CVE-2021-3490, CVE-2022-23222: eBPF verifier",
  "kernel.call-perf-event-open": "CVE-2013-2094: perf_event_open",
  "kernel.call-userfaultfd": "CVE-2016-5195 and CVE-2022-2590 class: races won with userfaultfd",
  "kernel.call-io-uring": "CVE-2022-29582, CVE-2023-2598: io_uring, past every filter (isolate 2.6)",
  "kernel.call-keyctl": "CVE-2016-0728: keyrings",
  "kernel.call-add-key": "CVE-2016-0728: keyrings",
  "kernel.call-request-key": "CVE-2017-17807 class: request_key starts a program of the host",
  "kernel.call-open-by-handle-at": "shocker: files of the host opened by number",
  "kernel.call-name-to-handle-at": "shocker: files of the host opened by number",
  "kernel.call-kexec": "another kernel loaded",
  "kernel.call-init-module": "kernel modules loaded from inside (CAP_SYS_MODULE)",
  "kernel.call-finit-module": "kernel modules loaded from inside (CAP_SYS_MODULE)",
  "kernel.call-delete-module": "kernel modules removed from inside (CAP_SYS_MODULE)",
  "kernel.call-sethostname": "the host's name set from inside",
  "kernel.call-settimeofday": "the host's clock set from inside",
  "kernel.call-clock-settime": "the host's clock set from inside",
  "kernel.call-syslog": "kernel addresses read from the log (KASLR)",
  "kernel.call-personality": "CVE-2009-1895: protections of memory switched off",
};

/** @returns the class for a check id, or null when there is none. */
export function incidentOf(id: string): string | null {
  const own = INCIDENTS[id];
  if (own !== undefined) return own;
  const family = Object.keys(INCIDENT_FAMILIES)
    .filter((start) => id.startsWith(start))
    .toSorted((a, b) => b.length - a.length)[0];
  return family === undefined ? null : (INCIDENT_FAMILIES[family] ?? null);
}
