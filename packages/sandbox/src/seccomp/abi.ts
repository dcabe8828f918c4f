import { SYSCALLS_ARM64 } from "./syscalls-arm64.ts";
import { SYSCALLS_X86_64 } from "./syscalls-x86-64.ts";
import type { Action, ErrnoName, SeccompArch } from "./types.ts";

/** What the kernel fixes for one architecture. */
export interface ArchFacts {
  /** linux/audit.h: EM_* with the 64-bit (0x80000000) and little-endian (0x40000000) marks. */
  readonly auditArch: number;
  readonly calls: Readonly<Record<string, number>>;
  /** Numbers from here on belong to another ABI; null where there is none. x86: __X32_SYSCALL_BIT. */
  readonly foreignFrom: number | null;
}

export const ARCH_FACTS: Readonly<Record<SeccompArch, ArchFacts>> = {
  "x86-64": { auditArch: 0xc000003e, calls: SYSCALLS_X86_64, foreignFrom: 0x40000000 },
  arm64: { auditArch: 0xc00000b7, calls: SYSCALLS_ARM64, foreignFrom: null },
};

/** asm-generic/errno-base.h and asm-generic/errno.h, which both architectures use. */
export const ERRNO: Readonly<Record<ErrnoName, number>> = {
  EPERM: 1,
  EINVAL: 22,
  ENOSYS: 38,
  EPROTONOSUPPORT: 93,
  EAFNOSUPPORT: 97,
};

/** linux/seccomp.h; the errno of RET_ERRNO is in the low 16 bits. */
const SECCOMP_RET_KILL_PROCESS = 0x80000000;
const SECCOMP_RET_ERRNO = 0x00050000;
const SECCOMP_RET_ALLOW = 0x7fff0000;

/** The value that a filter returns for an action. */
export function returnValue(action: Action): number {
  switch (action) {
    case "allow":
      return SECCOMP_RET_ALLOW;
    case "kill":
      return SECCOMP_RET_KILL_PROCESS;
    case "ignore":
      return SECCOMP_RET_ERRNO;
    default:
      return SECCOMP_RET_ERRNO | ERRNO[action];
  }
}
