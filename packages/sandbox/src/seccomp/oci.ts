import { ARCH_FACTS, ERRNO } from "./abi.ts";
import { cubesOf, EVERYTHING, without } from "./cubes.ts";
import type { Cube } from "./cubes.ts";
import { DEFAULT_POLICY } from "./policy.ts";
import type { Action, ArgumentRules, SeccompArch, SeccompPolicy } from "./types.ts";

/** OCI runtime specification 1.0.2, config-linux.md, "Seccomp". */
export interface OciSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly OciSyscalls[];
}
export interface OciSyscalls {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly OciArgument[];
}
/** `SCMP_CMP_MASKED_EQ`: the argument and `value` (a mask) equals `valueTwo`. */
export interface OciArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo: number;
  readonly op: "SCMP_CMP_MASKED_EQ";
}

const ARCHITECTURES: Readonly<Record<SeccompArch, string>> = {
  "x86-64": "SCMP_ARCH_X86_64",
  arm64: "SCMP_ARCH_AARCH64",
};
/** Refusals that need more rules than this get the profile's own error instead of theirs. */
const MOST_REFUSALS = 64;
/** What is allowed has to be said in full; ioctl, the longest, takes 71. */
const MOST_RULES = 256;

const isRefusal = (action: Action): boolean => action !== "allow" && action !== "ignore";

function actionOf(action: Action): { readonly action: string; readonly errnoRet?: number } {
  if (action === "allow") return { action: "SCMP_ACT_ALLOW" };
  if (action === "kill") return { action: "SCMP_ACT_KILL_PROCESS" };
  return { action: "SCMP_ACT_ERRNO", errnoRet: action === "ignore" ? 0 : ERRNO[action] };
}

function argumentsOf(cube: Cube): OciArgument[] {
  return [...cube].map(([index, { mask, value }]) => {
    // JSON numbers end here; no rule of ours needs more.
    if (mask > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`argument ${index}: the mask has over 53 bits`);
    return { index, value: Number(mask), valueTwo: Number(value), op: "SCMP_CMP_MASKED_EQ" };
  });
}

/** Rules that do not overlap: a profile has no order, and what runtimes make of two that do is their own affair. */
function rulesOf(name: string, { rules, otherwise }: ArgumentRules, unknown: Action): OciSyscalls[] {
  const said: Cube[] = [];
  const rows: OciSyscalls[] = [];
  const say = (cubes: readonly Cube[], action: Action): void => {
    const most = isRefusal(action) ? MOST_REFUSALS : MOST_RULES;
    const own = without(cubes, said, most);
    if (own === null && !isRefusal(action)) throw new RangeError(`${name}: what is allowed takes over ${most} rules`);
    said.push(...cubes);
    if (own === null || action === unknown) return;
    rows.push(...own.map((cube) => ({ names: [name], ...actionOf(action), args: argumentsOf(cube) })));
  };
  for (const { when, action } of rules) say(cubesOf(when), action);
  say([EVERYTHING], otherwise);
  return rows;
}

/**
 * A policy in the form that OCI runtimes take. It lets through exactly what the compiled filter lets through, and
 * refuses the rest; but a refusal that depends on arguments in a complicated way gives the error of unknown calls
 * (ENOSYS), because a profile has no order and no "otherwise". Foreign architectures are not listed: the runtime's
 * library ends a program that uses one.
 * @throws RangeError for a policy that a profile cannot express.
 */
export function ociSeccomp(arch: SeccompArch, policy: SeccompPolicy = DEFAULT_POLICY): OciSeccomp {
  const { unknown } = policy;
  if (unknown === "allow" || unknown === "ignore" || unknown === "kill") {
    throw new RangeError("unknown calls must give an error");
  }
  const plain = new Map<Action, string[]>();
  const rows: OciSyscalls[] = [];
  for (const name of Object.keys(ARCH_FACTS[arch].calls)) {
    const decision = policy.calls.get(name) ?? policy.unlisted;
    if (typeof decision !== "string") rows.push(...rulesOf(name, decision, unknown));
    else if (decision !== unknown) plain.set(decision, [...(plain.get(decision) ?? []), name]);
  }
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: ERRNO[unknown],
    architectures: [ARCHITECTURES[arch]],
    syscalls: [...[...plain].map(([action, names]) => ({ names, ...actionOf(action) })), ...rows],
  };
}
