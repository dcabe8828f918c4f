/** System calls that no program needs, and many escapes began with. */

/** One call, with arguments that do no harm. */
export interface Call {
  readonly name: string;
  /** Number on x86-64 and on arm64 (asm/unistd_64.h, asm-generic/unistd.h). */
  readonly numbers: readonly [x64: number, arm64: number];
  /** Python expressions. */
  readonly arguments: string;
  readonly why: string;
  readonly strict?: true;
}

/** CLONE_NEWUSER, linux/sched.h. */
export const NEW_USER = 0x10000000;

/** Unfiltered, each gives an error other than "denied". */
export const CALLS: readonly Call[] = [
  { name: "unshare", numbers: [272, 97], arguments: `${NEW_USER}`, why: "new user namespace" },
  {
    name: "clone",
    numbers: [56, 220],
    arguments: `${NEW_USER + 17}, 0, 0, 0, 0, clones=True`,
    why: "new user namespace",
  },
  { name: "setns", numbers: [308, 268], arguments: "-1, 0", why: "enter a namespace" },
  { name: "mount", numbers: [165, 40], arguments: "missing, missing, missing, 0, 0", why: "mount" },
  { name: "umount2", numbers: [166, 39], arguments: "missing, 0", why: "uncover what a mount hides" },
  { name: "fsopen", numbers: [430, 430], arguments: "missing, 0", why: "mount, new interface (CVE-2022-0185)" },
  { name: "open_tree", numbers: [428, 428], arguments: "-100, missing, 0", why: "mount, new interface" },
  {
    name: "move_mount",
    numbers: [429, 429],
    arguments: "-100, missing, -100, missing, 0",
    why: "mount, new interface",
  },
  {
    name: "mount_setattr",
    numbers: [442, 442],
    arguments: "-100, missing, 0, address, 32",
    why: "make a mount writable",
  },
  { name: "pivot_root", numbers: [155, 41], arguments: "missing, missing", why: "change the root" },
  { name: "chroot", numbers: [161, 51], arguments: "root", why: "change the root" },
  { name: "ptrace", numbers: [101, 117], arguments: "0, 0, 0, 0", why: "control another process", strict: true },
  {
    name: "process_vm_readv",
    numbers: [310, 270],
    arguments: "os.getpid(), 0, 0, 0, 0, 0",
    why: "read another process",
    strict: true,
  },
  {
    name: "process_vm_writev",
    numbers: [311, 271],
    arguments: "os.getpid(), 0, 0, 0, 0, 0",
    why: "write into another process",
    strict: true,
  },
  { name: "pidfd_getfd", numbers: [438, 438], arguments: "-1, 0, 0", why: "take another process's descriptor" },
  { name: "kcmp", numbers: [312, 272], arguments: "os.getpid(), os.getpid(), 0, 0, 0", why: "kernel addresses" },
  { name: "bpf", numbers: [321, 280], arguments: "9999, 0, 0", why: "code in the kernel (CVE-2021-3490)" },
  { name: "perf_event_open", numbers: [298, 241], arguments: "0, 0, -1, -1, 0", why: "side channels (CVE-2013-2094)" },
  { name: "userfaultfd", numbers: [323, 282], arguments: "1", why: "makes races winnable" },
  { name: "io_uring_setup", numbers: [425, 425], arguments: "1, address", why: "calls past the filter (isolate 2.6)" },
  { name: "io_uring_register", numbers: [427, 427], arguments: "-1, 0, 0, 0", why: "calls past the filter" },
  { name: "keyctl", numbers: [250, 219], arguments: "0, -2, 0", why: "keys are not in a namespace (CVE-2016-0728)" },
  { name: "add_key", numbers: [248, 217], arguments: "0, 0, 0, 0, -2", why: "keys are not in a namespace" },
  { name: "request_key", numbers: [249, 218], arguments: "0, 0, 0, -2", why: "starts a program of the host" },
  {
    name: "open_by_handle_at",
    numbers: [304, 265],
    arguments: "-100, 0, 0",
    why: "shocker: open any file of the host by number",
  },
  {
    name: "name_to_handle_at",
    numbers: [303, 264],
    arguments: "-100, missing, address, address + 512, 0",
    why: "the other half of shocker",
  },
  { name: "kexec_load", numbers: [246, 104], arguments: "0, 1000, 0, 0", why: "another kernel" },
  { name: "init_module", numbers: [175, 105], arguments: "0, 0, 0", why: "code in the kernel" },
  { name: "finit_module", numbers: [313, 273], arguments: "-1, 0, 0", why: "code in the kernel" },
  { name: "delete_module", numbers: [176, 106], arguments: "missing, 0x800", why: "code out of the kernel" },
  { name: "reboot", numbers: [169, 142], arguments: "0, 0, 0, 0", why: "the host's power" },
  { name: "swapon", numbers: [167, 224], arguments: "0, 0", why: "the host's memory" },
  { name: "acct", numbers: [163, 89], arguments: "missing", why: "writes to a file of the host" },
  { name: "sethostname", numbers: [170, 161], arguments: "missing, -1", why: "the host's name" },
  { name: "settimeofday", numbers: [164, 170], arguments: "0, 0", why: "the host's clock" },
  { name: "clock_settime", numbers: [227, 112], arguments: "9999, 0", why: "the host's clock" },
  { name: "syslog", numbers: [103, 116], arguments: "3, address, 4096", why: "kernel addresses" },
  {
    name: "personality",
    numbers: [135, 92],
    arguments: "0x0040000",
    why: "switches off address randomisation",
    strict: true,
  },
  { name: "kexec_file_load", numbers: [320, 294], arguments: "-1, -1, 0, 0, 0", why: "another kernel" },
  { name: "swapoff", numbers: [168, 225], arguments: "missing", why: "the host's memory" },
  { name: "quotactl", numbers: [179, 60], arguments: "-1, 0, 0, 0", why: "the host's file systems" },
  { name: "fanotify_init", numbers: [300, 262], arguments: "-1, 0", why: "sees others' file accesses" },
];
