/** The words of a seccomp policy. The kernel's side of it: seccomp(2), Documentation/userspace-api/seccomp_filter.rst. */

/** Architectures that a filter can be compiled for. */
export type SeccompArch = "x86-64" | "arm64";

/** Errors that the filter can give instead of making the call; numbers are in `abi.ts`. */
export type ErrnoName = "EPERM" | "EINVAL" | "ENOSYS" | "EPROTONOSUPPORT" | "EAFNOSUPPORT";

/**
 * What happens to a call: `allow` makes it; an error name makes it fail with that errno;
 * `ignore` returns 0 without making it; `kill` ends the whole process with SIGSYS.
 */
export type Action = "allow" | "ignore" | "kill" | ErrnoName;

/** True when the masked argument equals one of the values. */
export interface ArgumentTest {
  /** Which argument, 0 to 5. */
  readonly arg: number;
  /** How much of it the kernel reads: 32 for int, unsigned, mode_t; 64 for long, size_t, pointers. */
  readonly bits: 32 | 64;
  /** Bits that count; default: all of `bits`. */
  readonly mask?: bigint;
  readonly in: readonly bigint[];
}

/** Applies when all tests are true. */
export interface ArgumentRule {
  readonly when: readonly ArgumentTest[];
  readonly action: Action;
}

/** The first rule that applies decides; `otherwise` when none does. */
export interface ArgumentRules {
  readonly rules: readonly ArgumentRule[];
  readonly otherwise: Action;
}

export type Decision = Action | ArgumentRules;

/** Decisions by system call name. A name that an architecture lacks is left out there. */
export interface SeccompPolicy {
  readonly calls: ReadonlyMap<string, Decision>;
  /** For calls that have a name in the table but not in `calls`. */
  readonly unlisted: Action;
  /** For numbers that the table does not know: newer kernels, holes. */
  readonly unknown: Action;
  /** For calls made through another architecture's entry: i386 and x32 on x86-64, arm on arm64. */
  readonly foreign: Action;
}

/** One system call as the filter sees it (`struct seccomp_data` without the instruction pointer). */
export interface SystemCall {
  /** `AUDIT_ARCH_…` of the entry that was used. */
  readonly auditArch: number;
  /** Unsigned 32 bits. */
  readonly number: number;
  /** Six unsigned 64-bit values; missing ones count as 0. */
  readonly args: readonly bigint[];
}
