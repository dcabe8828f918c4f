/** What level `wasm` does not promise of the contract, and why. Its own tests make the same attacks in its languages. */

const NO_SHELL = "the check is a bash program; the engine runs Python, JavaScript and TypeScript";
const NO_COMPILER = "the check is a C program; the engine compiles nothing";
const NO_PROCESSES = "a program can start no process, and has none to end or to count";
const NO_SYSTEM_CALLS = "a program makes no system calls: V8 and Deno stand before the kernel";
const IN_MEMORY =
  "a program's files are in its own memory: there is no host's to protect, and the memory limit holds them";
const OTHER_ERROR = "there is no network in Python, and the error is another one than Linux gives";

/** By reason: ids, or their beginning with `*`. */
const NOT_PROMISED: readonly (readonly [reason: string, ids: readonly string[]])[] = [
  [
    NO_SHELL,
    [
      "outcomes.exit-codes",
      "outcomes.cpu-exceeded",
      "outcomes.cancelled-before",
      "outcomes.cancelled-after",
      "outcomes.smallest-*",
      "outcomes.signaled-*",
      "outcomes.output-none-*",
      "io.stdin-binary",
      "io.stdin-echo",
      "io.stdin-unread",
      "io.stdin-closed",
      "io.device-files",
      "io.chunks-cut",
      "io.own-script",
      "resources.output-flood",
      "resources.all-at-once",
      "files.users-of-the-host",
      "files.planted-links",
      "secrets.child-environment",
      "secrets.launcher-environment",
      "tenancy.smuggled-request",
      "tenancy.output-not-left",
      "cleanup.after-close",
      "cleanup.temporary-files",
      "cleanup.no-growth",
      "cleanup.close-twice",
    ],
  ],
  [NO_COMPILER, ["outcomes.compile-*", "spec.limits"]],
  [
    NO_PROCESSES,
    [
      "resources.fork-bomb",
      "resources.thread-bomb",
      "resources.zombie-farm",
      "resources.cpu-together",
      "resources.cpu-of-the-dead",
      "resources.memory-of-children",
      "resources.neighbour",
      "resources.limits-cannot-be-raised",
      "processes.positive-control",
      "processes.orphan",
      "processes.background-output",
      "processes.daemon",
      "processes.nohup",
      "processes.respawner",
      "processes.after-timeout",
      "processes.after-cancel",
      "processes.slow-end",
      "processes.limit-parent",
    ],
  ],
  [
    NO_SYSTEM_CALLS,
    [
      "resources.memory-of-memfd",
      "kernel.capabilities-*",
      "kernel.no-new-privileges",
      "kernel.seccomp",
      "kernel.not-root-*",
      "kernel.uid-per-run",
      "kernel.namespace-*",
      "kernel.nested-namespaces",
      "kernel.process-ids",
      "kernel.session",
      "kernel.shared-memory",
      "kernel.call-*",
      "kernel.socket-*",
      "kernel.ioctl-*",
      "kernel.ordinary-calls",
      "network.abstract-socket",
      "network.unix-socket",
    ],
  ],
  [
    IN_MEMORY,
    [
      "outcomes.file-size-exceeded",
      "outcomes.disk-exceeded-*",
      "io.writable-places",
      "resources.disk-flood",
      "resources.open-files-bomb",
      "files.cgroup-filesystem",
      "files.mounts",
      "files.system-read-only",
      "files.make-devices",
      "files.set-user-id",
      "files.descriptors",
    ],
  ],
  [OTHER_ERROR, ["network.metadata", "network.internet", "network.private", "network.broadcast", "network.names"]],
];

/** Why the engine does not promise a check of the contract; null where it does. */
export function notPromisedByWasm(id: string): string | null {
  const isMeant = (pattern: string): boolean =>
    pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
  return NOT_PROMISED.find(([, ids]) => ids.some(isMeant))?.[0] ?? null;
}
