/** Where our own things are inside: in the root itself, so that they cost no mount. */
export const OCI_INSIDE = {
  shell: "/crucible/launcher",
  node: "/crucible/node",
  /** The interpreter's program in a sandbox that is prepared. */
  prepared: "/crucible/prepared.py",
  /** Imported by it, from its own directory. */
  program: "/crucible/crucible_program.py",
  /** Process 1 of a sandbox that stays. */
  agent: "/crucible/session.py",
  /** Becomes the /dev of a sandbox that stays. */
  terminalDev: "/crucible/dev",
  /** Where gVisor's launcher mounts the group that counts processes. */
  pids: "/run/crucible",
} as const;
