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
