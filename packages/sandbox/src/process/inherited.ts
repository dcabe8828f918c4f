import { readdirSync, readFileSync } from "node:fs";

/** O_CLOEXEC in the octal `flags` line of /proc/PID/fdinfo/N (proc(5)). */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Descriptors over 2 that this process was started with and that its children would get too: Node opens its
 * own close-on-exec, but not what a shell or a supervisor left open. A sandbox must not see them.
 */
export function inheritedDescriptors(): number[] {
  let names: string[];
  try {
    names = readdirSync("/proc/self/fd");
  } catch {
    return [];
  }
  return names
    .map(Number)
    .filter((fd) => fd > 2)
    .filter((fd) => {
      try {
        const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
        return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
      } catch {
        // It was the directory being read, or is closed by now.
        return false;
      }
    });
}

/**
 * A command line that closes these descriptors and then becomes `command`. Bash, because dash cannot name
 * descriptors of two digits. Those below `firstFree` are taken by the command's own and stay.
 */
export function closingDescriptors(
  fds: readonly number[],
  firstFree: number,
  command: string,
  args: readonly string[],
): { readonly command: string; readonly args: readonly string[] } {
  const closed = fds.filter((fd) => fd >= firstFree).map((fd) => `${fd}>&-`);
  if (closed.length === 0) return { command, args };
  return { command: "/bin/bash", args: ["-c", `exec ${closed.join(" ")}; exec "$0" "$@"`, command, ...args] };
}
