import type { Limits } from "../types.ts";
import { ARCHIVE_FD, collectLines } from "./collect.ts";
import type { CollectWay } from "./collect.ts";
import { LEFT } from "./status.ts";

/** Descriptors that the launcher finds open. 0-2 belong to the program. */
export const LAUNCHER_FDS = { control: 3, compileStdout: 4, compileStderr: 5 } as const;

const AWAIT_GO = `read -r go <&3; [ "$go" = go ] || exit 0`;

/** Single quotes protect everything but themselves (POSIX shell, 2.2.2). */
export const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * Resource limits as the second belt behind control groups. They bind each process, not the sum.
 * One option a call: dash takes no more. `-p` is RLIMIT_NPROC in dash, `-u` in bash and busybox.
 */
export function ulimits(limits: Limits, options: ScriptOptions, dataSlackBytes: number): string {
  const cpuSeconds = Math.max(1, Math.ceil(limits.cpuTimeMs / 1000));
  // POSIX, ulimit: blocks of 512 bytes.
  const fileBlocks = Math.floor(limits.fileSizeBytes / 512);
  const lines = [
    ...(options.enterStep === undefined ? [] : [options.enterStep(limits)]),
    "ulimit -c 0",
    `ulimit -n ${limits.openFiles}`,
    `ulimit -S -t ${cpuSeconds}`,
    `ulimit -H -t ${cpuSeconds + 1}`,
    `ulimit -f ${fileBlocks}`,
  ];
  if (options.spareProcesses !== null) {
    lines.push(`ulimit ${options.processFlag} ${limits.pids + options.spareProcesses}`);
  }
  // Without a memory group: data segment and private writable mappings of each process (setrlimit(2), RLIMIT_DATA).
  if (options.limitData) lines.push(`ulimit -d ${Math.ceil((limits.memoryBytes + dataSlackBytes) / 1024)}`);
  return lines.join("; ");
}

export interface ScriptOptions {
  /** Which option of this shell's `ulimit` sets RLIMIT_NPROC. */
  readonly processFlag: "-p" | "-u";
  /** Processes that RLIMIT_NPROC allows beside the program's; null where it would count those of other runs too. */
  readonly spareProcesses: number | null;
  /** On where no control group holds memory; then processor time too is taken from the shell. */
  readonly limitData: boolean;
  /** On where the shell is the first process of a pid namespace: whatever it can signal is the program's. */
  readonly seesOnlyInside?: boolean;
  /** Shell code that each step runs just before its program; must end the shell where it fails. */
  readonly enterStep?: (limits: Pick<Limits, "pids">) => string;
  /** Written to both streams of the compile step at its end, where others hold them open beyond it. */
  readonly compileEndMark?: string;
  /** How files are given back; default: on a descriptor of their own, by the launcher itself. */
  readonly collectWay?: CollectWay;
}

export interface LauncherPlan {
  /** Null when the language has no compile step. */
  readonly compile: { readonly argv: readonly string[]; readonly limits: Limits } | null;
  readonly runLimits: Limits;
  /** What the runtime maps and never touches, bytes: on top of the memory limit where an rlimit has to hold it. */
  readonly dataSlackBytes: number;
  /** File that becomes standard input; null is /dev/null. */
  readonly stdinPath: string | null;
  /** Directories whose fill level tells "disk full" apart from an ordinary failure. */
  readonly writableDirs: readonly string[];
  /** The working directory whose `out` is given back; absent for nothing. */
  readonly collectFrom?: string;
}

/**
 * The shell script that runs inside as the sandbox's first process; the program's argv is its `"$@"`.
 *
 * It exists because a parent outside sees only bwrap's exit code, in which `exit 139` and SIGSEGV look
 * alike: the shell reports the signal on its own standard error, which here is the control descriptor. It
 * also sets rlimits (Node cannot), and waits at the start and between the steps while control groups are set
 * up from outside. Protocol on one socket, a line each: it reads `go`, writes `compiled CODE`, reads `go`,
 * writes (`left` and) `ran CODE`, and after a failure reads `check` or `bye` (`collect.ts`: where files are to be given
 * back, `collect` follows). A socket cannot be opened through /proc, so
 * the program cannot speak on it; even if it could, all it decides is the program's own exit status.
 *
 * Shells say nothing of SIGINT and SIGPIPE, so an end by one of these two is reported as exit code 130 or 141.
 */
export function launcherScript(plan: LauncherPlan, options: ScriptOptions): string {
  const { collectFrom } = plan;
  const closed = `3>&- 4>&- 5>&- 7>&-${collectFrom === undefined ? "" : ` ${ARCHIVE_FD}>&-`}`;
  // Process 1 gets no signal from inside but those that it handles, and some shells end by SIGINT. The subshells
  // start with the default again.
  const lines = [AWAIT_GO, "trap : INT; exec 7>&2 2>&3"];
  if (plan.compile !== null) {
    const argv = plan.compile.argv.map(quote).join(" ");
    const mark = options.compileEndMark;
    const end = mark === undefined ? "" : `printf %s ${mark} >&4; printf %s ${mark} >&5; `;
    lines.push(
      `(exec </dev/null >&4 2>&5 ${closed}; ${ulimits(plan.compile.limits, options, plan.dataSlackBytes)}; exec ${argv})`,
      `c=$?; ${end}${options.limitData ? "times >&3; " : ""}echo "compiled $c" >&3; exec 4>&- 5>&-; ${AWAIT_GO}`,
    );
  }
  const stdin = quote(plan.stdinPath ?? "/dev/null");
  lines.push(
    `(exec <${stdin} 2>&7 ${closed}; ${ulimits(plan.runLimits, options, plan.dataSlackBytes)}; exec "$@")`,
    ...reportLines(plan.writableDirs, plan.runLimits.fileSizeBytes, options, collectFrom),
  );
  return lines.join("\n");
}

/** What the launcher says once the program has ended. */
function reportLines(
  writableDirs: readonly string[],
  fileSizeBytes: number,
  { limitData, seesOnlyInside, collectWay }: Pick<ScriptOptions, "limitData" | "seesOnlyInside" | "collectWay">,
  collectFrom?: string,
): string[] {
  const where = writableDirs.map(quote).join(" ");
  const largest = Math.max(512, Math.floor(fileSizeBytes / 512) * 512);
  // kill(2): signal 0 to all but process 1 itself fails where there is no other.
  const tellLeft = seesOnlyInside === true ? `kill -s 0 -- -1 2>/dev/null && echo ${LEFT}; ` : "";
  const report = `c=$?; exec 1>&3 7>&-; ${limitData ? "times; " : ""}${tellLeft}echo "ran $c"`;
  const lastLook = `df -P ${where}; find ${where} -xdev -type f -size ${largest}c -exec echo full x \\; -quit; echo checked`;
  if (collectFrom !== undefined) {
    // What it ends must be the program's alone.
    if (seesOnlyInside !== true) throw new Error("a launcher that is not the first process cannot collect");
    return [report, ...collectLines(collectFrom, lastLook, collectWay)];
  }
  return [`${report}; [ $c = 0 ] && exit 0`, `read -r go <&3; [ "$go" = check ] || exit 0`, lastLook];
}

export interface PreparedScriptPlan {
  readonly writableDirs: readonly string[];
  readonly fileSizeBytes: number;
  /** Shell code that puts the program into what is to hold it; null for none. */
  readonly enterStep: string | null;
}

/**
 * The launcher of a sandbox that is prepared before there is a request: its `"$@"` is an interpreter that is started
 * at the first `go`, in its control group, so that its memory counts there; it takes the program, the limits and the
 * second `go` from the control socket itself.
 */
export function preparedScript(
  { writableDirs, fileSizeBytes, enterStep }: PreparedScriptPlan,
  options: Pick<ScriptOptions, "seesOnlyInside">,
): string {
  const enter = enterStep === null ? "" : `${enterStep}; `;
  return [
    AWAIT_GO,
    "trap : INT; exec 7>&2 2>&3",
    `(exec </dev/null 2>&7 4>&- 5>&- 7>&-; ${enter}ulimit -c 0; exec "$@")`,
    ...reportLines(writableDirs, fileSizeBytes, { ...options, limitData: false }),
  ].join("\n");
}
