import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ARCH_FACTS, ERRNO } from "./abi.ts";
import { decide } from "./decide.ts";
import { ociSeccomp } from "./oci.ts";
import type { OciSeccomp } from "./oci.ts";
import { DEFAULT_POLICY } from "./policy.ts";
import { ARGUMENT_RULES } from "./policy-arguments.ts";
import type { SeccompArch } from "./types.ts";

const ARCHES: readonly SeccompArch[] = ["x86-64", "arm64"];

/** Every row that applies to a call, as `allow`, or `errno N`. */
function verdicts({ syscalls, defaultErrnoRet }: OciSeccomp, name: string, args: readonly bigint[]): string[] {
  const found = syscalls
    .filter(({ names }) => names.includes(name))
    .filter(({ args: tests = [] }) =>
      tests.every(({ index, value, valueTwo }) => ((args[index] ?? 0n) & BigInt(value)) === BigInt(valueTwo)),
    )
    .map(({ action, errnoRet }) => (action === "SCMP_ACT_ALLOW" ? "allow" : `errno ${errnoRet}`));
  return found.length === 0 ? [`errno ${defaultErrnoRet}`] : found;
}

/** Numbers near those that the rules speak of, also with bits above what the kernel reads. */
const interesting = Object.values(ARGUMENT_RULES).flatMap(({ rules }) =>
  rules.flatMap(({ when }) => when.flatMap((t) => t.in)),
);
const argument = fc.oneof(
  fc
    .constantFrom(...interesting)
    .chain((value) => fc.constantFrom(value, value | (1n << 32n), value | (1n << 63n), value + 1n, value ^ 1n)),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  fc.bigInt({ min: 0n, max: 64n }),
);

describe("ociSeccomp", () => {
  it.each(ARCHES)("lets through exactly what the filter lets through, on %s", (arch) => {
    const profile = ociSeccomp(arch);
    const { auditArch, calls } = ARCH_FACTS[arch];
    const names = fc.constantFrom(
      ...Object.keys(calls),
      ...Object.keys(ARGUMENT_RULES).filter((name) => name in calls),
    );
    fc.assert(
      fc.property(names, fc.array(argument, { minLength: 6, maxLength: 6 }), (name, args) => {
        const found = verdicts(profile, name, args);
        expect(found).toHaveLength(1);
        const action = decide(DEFAULT_POLICY, arch, { auditArch, number: calls[name] ?? -1, args });
        if (action === "allow") expect(found).toEqual(["allow"]);
        else if (action === "ignore") expect(found).toEqual(["errno 0"]);
        else expect(found[0]).toMatch(/^errno [1-9]/);
      }),
      { numRuns: 4_000 },
    );
  });

  it.each(ARCHES)("gives the error of the policy for calls that it refuses whatever their arguments, on %s", (arch) => {
    const profile = ociSeccomp(arch);
    for (const [name, decision] of DEFAULT_POLICY.calls) {
      if (typeof decision !== "string" || decision === "allow" || !(name in ARCH_FACTS[arch].calls)) continue;
      const errno = decision === "ignore" || decision === "kill" ? 0 : ERRNO[decision];
      expect(verdicts(profile, name, [])).toEqual([`errno ${errno}`]);
    }
  });

  it("refuses namespaces in clone and terminal tricks in ioctl with EPERM, also with high bits set", () => {
    const profile = ociSeccomp("x86-64");
    expect(verdicts(profile, "clone", [0x1000_0011n])).toEqual([`errno ${ERRNO.EPERM}`]);
    expect(verdicts(profile, "clone", [0x11n])).toEqual(["allow"]);
    expect(verdicts(profile, "ioctl", [0n, 0x1_0000_5412n])).toEqual([`errno ${ERRNO.EPERM}`]);
    expect(verdicts(profile, "ioctl", [0n, 0x5413n])).toEqual(["allow"]);
  });

  it("is small enough to be handed to a runtime for every run", () => {
    expect(JSON.stringify(ociSeccomp("x86-64")).length).toBeLessThan(100_000);
  });

  it("refuses a policy in which unknown calls are allowed", () => {
    expect(() => ociSeccomp("x86-64", { ...DEFAULT_POLICY, unknown: "allow" })).toThrow(RangeError);
  });
});
