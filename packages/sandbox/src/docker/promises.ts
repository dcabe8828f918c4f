const OF_THE_DAEMON =
  "the daemon makes the root's mount, and those over masked paths, without such flags; no_new_privs and no capability keep both from working";
const UNMAPPED = "only a daemon that maps users (userns-remap) gives one; the program's user is nobody's all the same";

/** What the engine does not promise although its level does, by check. */
export const NOT_PROMISED_BY_DOCKER: Readonly<Record<string, string>> = {
  "files.mounts": OF_THE_DAEMON,
  "kernel.namespace-user": UNMAPPED,
};
