const HIDDEN = "gVisor's programs are no processes of the host, so that nothing can be looked for there";
const NO_FLAGS = "gVisor does not report mount flags; no_new_privs and an empty bounding set hold instead";
const NO_FIELD = "gVisor does not show this field; the launcher sets it all the same";
const NO_NAMESPACE_FILE = "gVisor shows no such namespace: the whole sandbox is one";
const UNCOUNTED = "gVisor's group refuses processes over the limit without counting what it refused";

/** What the level `gvisor` does not promise, or cannot show, by id of the contract's check. */
export const GVISOR_EXCEPTIONS: Readonly<Record<string, string>> = {
  "processes.positive-control": HIDDEN,
  "kernel.not-root-outside": HIDDEN,
  "files.mounts": NO_FLAGS,
  "files.set-user-id": NO_FLAGS,
  "kernel.capabilities-amb": NO_FIELD,
  "kernel.no-new-privileges": NO_FIELD,
  "kernel.namespace-ipc": NO_NAMESPACE_FILE,
  "kernel.namespace-uts": NO_NAMESPACE_FILE,
  "kernel.namespace-mnt": NO_NAMESPACE_FILE,
  "kernel.namespace-cgroup": NO_NAMESPACE_FILE,
  "resources.fork-bomb": HIDDEN,
  "resources.thread-bomb": UNCOUNTED,
  "resources.zombie-farm": UNCOUNTED,
  "tenancy.shared-input": "gVisor has no locks on device files such as an empty standard input",
};

/** The same for sandboxes that stay, by name of the test. */
export const GVISOR_SESSION_EXCEPTIONS: Readonly<Record<string, string>> = {
  "that forks without end is ended, and the session lives on":
    "gVisor takes seconds to end so many processes, and the sandbox is ended as a whole then",
  "is one: it echoes, has a size, and passes Ctrl-C on":
    "gVisor's terminals of 2022 make no signal of Ctrl-C; the rest is held by a test of its own",
  "that takes too much memory is ended, and process 1 is not":
    "gVisor's memory is the host's one group, and out of memory is the end of the whole sandbox",
  "cannot reach process 1: no signal, no memory, no descriptor of it":
    "gVisor lets a program end process 1, and the sandbox with it; memory and descriptors are held by a test of its own",
};
