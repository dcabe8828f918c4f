import { INSIDE } from "../bubblewrap/layout.ts";
import { ARCHIVE_FD, collectLines } from "../launcher/collect.ts";
import { quote, ulimits } from "../launcher/script.ts";
import type { LauncherPlan, ScriptOptions } from "../launcher/script.ts";
import { LEFT } from "../launcher/status.ts";

/**
 * Makes the container's first process one that no program of the same user can look into: a shell that cannot be read
 * is undumpable (fs/exec.c, would_dump). Then it becomes the launcher proper, `$1`. Busybox goes by its name, `sh`.
 */
const SEAL = `umask 022; mkdir -p ${INSIDE.box}/.launcher && cp /bin/sh ${INSIDE.box}/.launcher/sh && chmod 111 ${INSIDE.box}/.launcher/sh || exit 1; l=$1; shift; exec ${INSIDE.box}/.launcher/sh -c "$l" sh "$@"`;

/** The container's command: argv of the program is appended. */
export const sealedCommand = (launcher: string): string[] => ["/bin/sh", "-c", SEAL, "sh", launcher];

/** Counters of the container's own control group, v2 and v1, where it can see them. */
const COUNTERS = [
  ["cpu.stat", "memory.peak", "memory.events", "pids.events"].map((name) => `/sys/fs/cgroup/${name}`),
  ["cpuacct/cpuacct.usage", "memory/memory.max_usage_in_bytes", "memory/memory.oom_control", "pids/pids.events"].map(
    (name) => `/sys/fs/cgroup/${name}`,
  ),
].flat();
const TELL_USAGE = `for f in ${COUNTERS.join(" ")}; do [ -r $f ] && while read -r a b; do echo "usage $f $a $b"; done <$f; done`;

/** The archive follows the reports on standard output. */
const ARCHIVE_AFTER_MARK = { fd: ARCHIVE_FD, asUser: [], begin: `printf %s "$mark"; exec ${ARCHIVE_FD}>&1` } as const;

/** kill(2): signal 0 to all but process 1 itself fails where there is no other. */
const SEE_OTHERS = `left=:; kill -s 0 -- -1 2>/dev/null && left="echo ${LEFT}"`;

/** Ends all others inside: whoever outlived the step, and could still write where the launcher reports. */
const KILL_OTHERS = "kill -s KILL -- -1 2>/dev/null";

/**
 * The launcher (`../launcher/script.ts`) over the three streams that a container has: the control messages come in on
 * standard input, and go out on standard output, in the parts between the program's. `mark` separates the parts; it
 * comes as the first line of the input and is in no argument, so that no program can know it. Parts of standard output:
 * `ready`, [compiler's output, its end,] program's output, its end[, the archive of what is given back].
 */
export function containerScript(plan: LauncherPlan, options: ScriptOptions, archiveBytes: number): string {
  const awaitGo = `read -r go <&3; [ "$go" = go ] || exit 0`;
  const closed = "3>&- 7>&- 8>&-";
  // The shell's own words ("Segmentation fault") go to a file without a name, which has its page from the
  // start: there is room for them also when the program has filled the rest.
  const said = `${INSIDE.box}/.launcher/said`;
  const start = [
    "exec 3<&0 </dev/null; read -r mark <&3",
    `mkdir ${INSIDE.cwd} 2>/dev/null; head -c ${archiveBytes} <&3 | tar -xpmf - -C ${INSIDE.box} || exit 1; cd ${INSIDE.cwd} || exit 1`,
    `exec 7>&2 8>${said} 9<${said}; rm ${said}; exec 2>&8; echo >&8`,
    `trap : INT; echo ready; ${awaitGo}`,
  ];
  const end = (word: string, more = ""): string =>
    `c=$?; ${SEE_OTHERS}; ${KILL_OTHERS}; ${more}printf %s "$mark"; ${TELL_USAGE}; cat <&9; $left; echo "${word} $c"`;
  const lines = [...start];
  if (plan.compile !== null) {
    const argv = plan.compile.argv.map(quote).join(" ");
    lines.push(
      `printf %s "$mark"; (exec </dev/null 2>&7 ${closed} 9<&-; ${ulimits(plan.compile.limits, options, plan.dataSlackBytes)}; exec ${argv})`,
      `${end("compiled", `printf %s "$mark" >&7; `)}; ${awaitGo}`,
    );
  }
  const where = plan.writableDirs.map(quote).join(" ");
  const largest = Math.max(512, Math.floor(plan.runLimits.fileSizeBytes / 512) * 512);
  const look = `df -P ${where}; find ${where} -xdev -type f -size ${largest}c -exec echo full x \\; -quit; echo checked`;
  lines.push(
    `printf %s "$mark"; (exec <${quote(plan.stdinPath ?? "/dev/null")} 2>&7 ${closed} 9<&-; ${ulimits(plan.runLimits, options, plan.dataSlackBytes)}; exec "$@")`,
    end("ran"),
    ...(plan.collectFrom === undefined
      ? ["[ $c = 0 ] && exit 0", `read -r go <&3; [ "$go" = check ] || exit 0`, look]
      : collectLines(plan.collectFrom, look, ARCHIVE_AFTER_MARK)),
  );
  return lines.join("\n");
}
