import { ARCH_FACTS } from "../seccomp/abi.ts";
import type { OciSeccomp } from "../seccomp/oci.ts";
import type { SeccompArch } from "../seccomp/types.ts";

/**
 * The profile as Docker takes it. Daemons before 23 know no error but EPERM for calls that a profile does not name,
 * and the C library then finds no threads: every call that the architecture has is named.
 */
export function dockerProfile(profile: OciSeccomp, arch: SeccompArch): OciSeccomp {
  const named = new Set(profile.syscalls.flatMap(({ names }) => names));
  const unnamed = Object.keys(ARCH_FACTS[arch].calls).filter((name) => !named.has(name));
  const rest = { names: unnamed, action: "SCMP_ACT_ERRNO", errnoRet: profile.defaultErrnoRet };
  return { ...profile, syscalls: [...profile.syscalls, rest] };
}
