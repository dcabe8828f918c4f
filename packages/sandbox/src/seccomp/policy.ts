import { ALLOWED_GROUPS } from "./policy-allowed.ts";
import { ARGUMENT_RULES } from "./policy-arguments.ts";
import type { Action, Decision, SeccompPolicy } from "./types.ts";

/**
 * Fail as on a kernel without the call: libraries try these first and then do without, while
 * EPERM would make some of them give up (glibc falls back from clone3 only on ENOSYS).
 */
export const ABSENT_CALLS = [
  // Flags come in a struct in memory, where a filter cannot see CLONE_NEW*; clone does the same.
  "clone3",
  // Its own door to open, socket, connect…; libuv and liburing probe it.
  "io_uring_setup",
  "io_uring_enter",
  "io_uring_register",
  // Sandboxing inside the sandbox: probed by version call, and absent on many kernels.
  "landlock_create_ruleset",
  "landlock_add_rule",
  "landlock_restrict_self",
  // Younger than the oldest kernels in use, so that every caller has a way around them.
  "cachestat",
  "futex_wake",
  "futex_wait",
  "futex_requeue",
  "statmount",
  "listmount",
  "lsm_get_self_attr",
  "lsm_set_self_attr",
  "lsm_list_modules",
  "setxattrat",
  "getxattrat",
  "listxattrat",
  "removexattrat",
  "open_tree_attr",
  "file_getattr",
  "file_setattr",
  // In the table, but no kernel of these architectures makes them any more.
  "_sysctl",
  "afs_syscall",
  "create_module",
  "epoll_ctl_old",
  "epoll_wait_old",
  "get_kernel_syms",
  "getpmsg",
  "nfsservctl",
  "putpmsg",
  "query_module",
  "security",
  "tuxcall",
  "uselib",
  "vserver",
] as const;

/**
 * Report success and do nothing. All that a run can write is memory, while these would write out
 * the whole host's disks, again and again, for free; and sync() has no error to give.
 */
export const IGNORED_CALLS = ["sync", "syncfs"] as const;

/**
 * Refused with EPERM, as is every call on no list. Named so that the tests can prove each, and so
 * that a reader finds what was decided.
 */
export const DENIED_CALLS = [
  // Mounts and roots.
  "mount",
  "umount2",
  "pivot_root",
  "chroot",
  "fsopen",
  "fsconfig",
  "fsmount",
  "fspick",
  "move_mount",
  "open_tree",
  "mount_setattr",
  // New namespaces, and the host's name.
  "unshare",
  "setns",
  "sethostname",
  "setdomainname",
  // Other processes' memory and descriptors.
  "ptrace",
  "process_vm_readv",
  "process_vm_writev",
  "process_madvise",
  "process_mrelease",
  "kcmp",
  "pidfd_getfd",
  // Kernel interfaces with a long record of exploits, that no ordinary program needs.
  "bpf",
  "perf_event_open",
  "userfaultfd",
  "add_key",
  "keyctl",
  "request_key",
  "fanotify_init",
  "fanotify_mark",
  "vmsplice",
  "remap_file_pages",
  "memfd_secret",
  "lookup_dcookie",
  // A filter of its own is only ever stricter, but its user notification is new attack surface.
  "seccomp",
  // NUMA placement: of no use in one run's share of a host, and a favourite for kernel heap sprays.
  "get_mempolicy",
  "mbind",
  "migrate_pages",
  "move_pages",
  "set_mempolicy",
  "set_mempolicy_home_node",
  // Files by handle get around the mount namespace (the Docker "shocker" escape).
  "name_to_handle_at",
  "open_by_handle_at",
  // Administration of the host.
  "init_module",
  "finit_module",
  "delete_module",
  "kexec_load",
  "kexec_file_load",
  "reboot",
  "swapon",
  "swapoff",
  "syslog",
  "acct",
  "quotactl",
  "quotactl_fd",
  "vhangup",
  "sysfs",
  "ustat",
  "settimeofday",
  "clock_settime",
  "adjtimex",
  "clock_adjtime",
  // x86: ports and segment tables.
  "iopl",
  "ioperm",
  "modify_ldt",
  "set_thread_area",
  "get_thread_area",
] as const;

/** The allow-list for programs of the language table, on both architectures. */
export const DEFAULT_POLICY: SeccompPolicy = {
  calls: decisions(),
  unlisted: "EPERM",
  unknown: "ENOSYS",
  foreign: "kill",
};

/** @throws Error when a call is in two lists: one of them would be ineffective without a word. */
function decisions(): Map<string, Decision> {
  const calls = new Map<string, Decision>();
  const add = (name: string, decision: Decision) => {
    if (calls.has(name)) throw new Error(`the seccomp policy decides twice about ${name}`);
    calls.set(name, decision);
  };
  const addAll = (names: readonly string[], action: Action) => {
    for (const name of names) add(name, action);
  };
  for (const group of ALLOWED_GROUPS) addAll(group.calls, "allow");
  for (const [name, rules] of Object.entries(ARGUMENT_RULES)) add(name, rules);
  addAll(ABSENT_CALLS, "ENOSYS");
  addAll(IGNORED_CALLS, "ignore");
  addAll(DENIED_CALLS, "EPERM");
  return calls;
}
