import { ARTIFACTS_DIR } from "../artifacts/read.ts";

/** The launcher's descriptor for the archive; the program never has it. */
export const ARCHIVE_FD = 6;
/** Processor time of each process that collects, seconds: the second belt behind the deadline of who reads. */
const CPU_SECONDS = 3;

/** How a launcher gives back files. */
export interface CollectWay {
  /** Where the archive goes. May be the control descriptor: nothing else is said on it then. */
  readonly fd: number;
  /** Becomes the program's user, where the launcher is another: words that mean nothing to a shell. */
  readonly asUser: readonly string[];
  /** Shell code just before the archive, when nobody else is left inside; default: none. */
  readonly begin?: string;
}

/** Of a launcher that is the program's user itself, and has a descriptor for it. */
const OWN_WAY: CollectWay = { fd: ARCHIVE_FD, asUser: [] };

/**
 * What the launcher does after its report when files are to be given back: it waits for `collect`, ends whatever the
 * program has left, and becomes tar. That is still the sandbox's first process, with the program's own rights: it sees
 * nothing that the program could not have copied. It follows no link, and takes no name from the program as an option.
 * Modes are opened first, because the program's files are the program's: one without read permission is no secret.
 * @param workingDir a path of ours, without a character that means something to a shell.
 */
export function collectLines(
  workingDir: string,
  lastLook: string,
  { fd, asUser, begin = ":" }: CollectWay = OWN_WAY,
): string[] {
  const dir = `${workingDir}/${ARTIFACTS_DIR}`;
  const as = (command: string): string => [...asUser, command].join(" ");
  return [
    "read -r go <&3",
    `if [ "$go" = check ]; then ${lastLook}; read -r go <&3; fi`,
    `[ "$go" = collect ] || exit 0`,
    `kill -s KILL -- -1 2>/dev/null; ${begin}; exec >&${fd} 2>/dev/null </dev/null; exec 3>&- ${fd}>&-`,
    `ulimit -c 0; ulimit -t ${CPU_SECONDS}; [ -L ${dir} ] || ${as(`chmod -R u+rwX ${dir}`)}`,
    `exec ${as(`tar -c -f - --format=gnu --sort=name -C ${workingDir} ${ARTIFACTS_DIR}`)}`,
  ];
}
