import { violation } from "../behaviour/rules.ts";
import { ARCH_FACTS, ERRNO } from "../seccomp/abi.ts";
import type { OciSeccomp, OciSyscalls } from "../seccomp/oci.ts";
import { seccompArch } from "../seccomp/compile.ts";
import type { SeccompArch } from "../seccomp/types.ts";
import type { Violation } from "../types.ts";

/**
 * Refused, and not told of: what ordinary libraries and tools ask for and do well without (OpenBLAS and the JVM place
 * memory, `file` makes a filter of its own, debuggers and some Lisps set a personality, prlimit names itself by number).
 */
const ORDINARY: ReadonlySet<string> = new Set([
  ...["get_mempolicy", "mbind", "migrate_pages", "move_pages", "set_mempolicy", "set_mempolicy_home_node"],
  ...["seccomp", "personality", "prlimit64", "process_madvise", "remap_file_pages", "vmsplice", "sysfs", "ustat"],
  ...["get_thread_area", "set_thread_area", "modify_ldt"],
]);

/** A profile that hands some of its refusals to whoever listens (OCI runtime specification 1.1, "Seccomp"). */
export interface NotifyingSeccomp extends OciSeccomp {
  readonly listenerPath: string;
  /** Comes back with the listener: names the container. */
  readonly listenerMetadata: string;
}

function split(row: OciSyscalls): OciSyscalls[] {
  if (row.errnoRet !== ERRNO.EPERM) return [row];
  const told = row.names.filter((name) => !ORDINARY.has(name));
  const untold = row.names.filter((name) => ORDINARY.has(name));
  const { args } = row;
  return [
    ...(told.length === 0 ? [] : [{ names: told, action: "SCMP_ACT_NOTIFY", ...(args === undefined ? {} : { args }) }]),
    ...(untold.length === 0 ? [] : [{ ...row, names: untold }]),
  ];
}

/**
 * The same profile, but what it refuses with EPERM, and no ordinary program asks for, is refused by a listener. Other
 * errors are those by which libraries find out what a kernel has. Without its listener the kernel refuses with ENOSYS.
 */
export function notifying(profile: OciSeccomp, listenerPath: string, container: string): NotifyingSeccomp {
  return {
    ...profile,
    syscalls: profile.syscalls.flatMap(split),
    listenerPath,
    listenerMetadata: container,
  };
}

/** What a listener has written: numbers of calls in the order in which they came. */
export interface DeniedCallLog {
  readonly numbers: readonly number[];
  /** It has answered as many as it may: what came after it was refused unseen. */
  readonly isFull: boolean;
}

export const NO_CALLS: DeniedCallLog = { numbers: [], isFull: false };

/** Reads the file of one container. */
export function parseDeniedCalls(text: string): DeniedCallLog {
  const lines = text.split("\n");
  const numbers = lines.filter((line) => /^\d{1,9}$/.test(line)).map(Number);
  return { numbers, isFull: lines.includes("end") };
}

const MAX_NAMED = 10;

/** What there is to say of them, as `mount, ptrace (3 times)`; null for none. */
export function describeDeniedCalls({ numbers, isFull }: DeniedCallLog, arch: SeccompArch): string | null {
  if (numbers.length === 0) return null;
  const names = new Map(Object.entries(ARCH_FACTS[arch].calls).map(([name, number]) => [number, name]));
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  const said = [...counts].map(([number, times]) => {
    const name = names.get(number) ?? `call ${number}`;
    return times === 1 ? name : `${name} (${times} times)`;
  });
  const more = said.length > MAX_NAMED ? ` and ${said.length - MAX_NAMED} more` : "";
  const rest = isFull ? `; after ${numbers.length} calls nobody looked any more` : "";
  return `${said.slice(0, MAX_NAMED).join(", ")}${more}${rest}`;
}

/** A violation for all of them; none for none. */
export function deniedCallViolations(log: DeniedCallLog): Violation[] {
  const said = describeDeniedCalls(log, seccompArch(process.arch) ?? "x86-64");
  return said === null ? [] : [violation("denied_system_call", `was refused ${said}`)];
}
