import { ARCH_FACTS } from "./abi.ts";
import type { Action, ArgumentTest, SeccompArch, SeccompPolicy, SystemCall } from "./types.ts";

/** Name of a call by its number; null when the architecture's table has none. */
export function syscallName(arch: SeccompArch, number: number): string | null {
  for (const [name, known] of Object.entries(ARCH_FACTS[arch].calls)) {
    if (known === number) return name;
  }
  return null;
}

/**
 * What a policy says about a call, read from the policy itself and not from the compiled program:
 * the explanation for people, and the second opinion for the compiler's tests.
 */
export function decide(policy: SeccompPolicy, arch: SeccompArch, call: SystemCall): Action {
  const { auditArch, foreignFrom } = ARCH_FACTS[arch];
  if (call.auditArch !== auditArch) return policy.foreign;
  if (foreignFrom !== null && call.number >= foreignFrom) return policy.foreign;
  const name = syscallName(arch, call.number);
  if (name === null) return policy.unknown;
  const decision = policy.calls.get(name) ?? policy.unlisted;
  if (typeof decision === "string") return decision;
  const rule = decision.rules.find(({ when }) => when.every((test) => holds(test, call.args)));
  return rule?.action ?? decision.otherwise;
}

function holds(test: ArgumentTest, args: readonly bigint[]): boolean {
  const value = BigInt.asUintN(test.bits, args[test.arg] ?? 0n) & (test.mask ?? -1n);
  return test.in.includes(value);
}

/**
 * One line for a report or a log about a call that was killed (SIGSYS gives its number) or refused:
 * `mount (165): refused with EPERM`. Arguments count when given.
 */
export function explain(
  policy: SeccompPolicy,
  arch: SeccompArch,
  call: { readonly number: number; readonly auditArch?: number; readonly args?: readonly bigint[] },
): string {
  const { auditArch: own } = ARCH_FACTS[arch];
  const { number, auditArch = own, args = [] } = call;
  const foreign = auditArch !== own;
  const name = foreign ? "call of a foreign architecture" : (syscallName(arch, number) ?? "unknown call");
  return `${name} (${number}): ${ENDINGS[decide(policy, arch, { auditArch, number, args })]}`;
}

const ENDINGS: Readonly<Record<Action, string>> = {
  allow: "allowed",
  ignore: "does nothing and reports success",
  kill: "ends the process",
  EPERM: "refused with EPERM",
  EINVAL: "refused with EINVAL",
  ENOSYS: "refused with ENOSYS",
  EPROTONOSUPPORT: "refused with EPROTONOSUPPORT",
  EAFNOSUPPORT: "refused with EAFNOSUPPORT",
};
