import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { ARCH_FACTS, returnValue } from "./abi.ts";
import { MAX_INSTRUCTIONS } from "./bpf.ts";
import { compileFilter, seccompArch } from "./compile.ts";
import { decide } from "./decide.ts";
import { DEFAULT_POLICY } from "./policy.ts";
import { simulate } from "./testing/simulate.ts";
import type { Action, ArgumentRules, SeccompArch, SeccompPolicy, SystemCall } from "./types.ts";

const ARCHES: readonly SeccompArch[] = ["x86-64", "arm64"];
const AUDIT_ARCH_I386 = 0x40000003;
const AUDIT_ARCH_ARM = 0x40000028;

/** Values at and around what a decision compares an argument with, also with rubbish above them. */
function edgesOf(decision: ArgumentRules, arg: number): bigint[] {
  const tests = decision.rules.flatMap(({ when }) => when.filter((one) => one.arg === arg));
  const edges = tests.flatMap(({ mask, in: values }) =>
    [...values, mask ?? 0n].flatMap((value) => {
      const high = [1n << 31n, 1n << 32n, 0xffffffffn << 32n].map((bits) => value | bits);
      return [value - 1n, value, value + 1n, ...high];
    }),
  );
  return [...new Set([0n, 1n, ...edges].map((value) => BigInt.asUintN(64, value)))];
}

/** Every number near the tables, and the ones that an attacker would try. */
const HOSTILE = [
  0x3fffffff, 0x40000000, 0x40000001, 0x40000200, 0x400000a5, 0x7fffffff, 0x80000000, 0x800000a5, 0xc0000000,
  0xfffffffe, 0xffffffff,
];
const NUMBERS = Array.from({ length: 1001 }, (_, number) => number).concat(HOSTILE);

const VALUES = [...DEFAULT_POLICY.calls.values()].flatMap((decision) =>
  typeof decision === "string" ? [] : [0, 1, 2].flatMap((arg) => edgesOf(decision, arg)),
);
const argument = fc.oneof(fc.constantFrom(...VALUES), fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }));
const args = fc.array(argument, { minLength: 6, maxLength: 6 });

/** What the program says and what the policy says, with the call for the failure's text. */
function bothOpinions(program: Uint8Array, policy: SeccompPolicy, arch: SeccompArch, call: SystemCall) {
  const said = simulate(program, call).value;
  const expected = returnValue(decide(policy, arch, call));
  return { call, said, expected };
}

type Opinions = ReturnType<typeof bothOpinions>;
const differs = ({ said, expected }: Opinions) => said !== expected;

describe.each(ARCHES)("the filter compiled for %s", (arch) => {
  const program = compileFilter({ arch });
  const { auditArch, calls } = ARCH_FACTS[arch];

  test("decides as the policy for every number from 0 to 1000 and hostile ones", () => {
    const opinions = NUMBERS.map((number) =>
      bothOpinions(program, DEFAULT_POLICY, arch, { auditArch, number, args: [] }),
    );
    expect(opinions.filter(differs)).toEqual([]);
  });

  test("decides as the policy for every edge value in every argument that is tested", () => {
    const opinions: Opinions[] = [];
    for (const [name, decision] of DEFAULT_POLICY.calls) {
      const number = calls[name];
      if (number === undefined || typeof decision === "string") continue;
      for (const first of edgesOf(decision, 0)) {
        for (const second of edgesOf(decision, 1)) {
          for (const third of edgesOf(decision, 2)) {
            const call = { auditArch, number, args: [first, second, third] };
            opinions.push(bothOpinions(program, DEFAULT_POLICY, arch, call));
          }
        }
      }
    }
    expect(opinions.length).toBeGreaterThan(10_000);
    expect(opinions.filter(differs)).toEqual([]);
  });

  test("decides as the policy for random calls", () => {
    const call = fc.record({
      auditArch: fc.oneof(
        { weight: 9, arbitrary: fc.constant(auditArch) },
        { weight: 1, arbitrary: fc.constantFrom(0, AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0xffffffff) },
      ),
      number: fc.oneof(fc.nat(600), fc.integer({ min: 0, max: 0xffffffff })),
      args,
    });
    fc.assert(
      fc.property(call, (one) => {
        const { said, expected } = bothOpinions(program, DEFAULT_POLICY, arch, one);
        expect(said).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  test("kills calls that come through another architecture's entry, also allowed ones", () => {
    for (const foreign of [AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0, 0x3e, 0xb7]) {
      for (let number = 0; number <= 600; number += 1) {
        expect(simulate(program, { auditArch: foreign, number, args: [] }).value).toBe(0x80000000);
      }
    }
  });

  test("fits the kernel's limit and reaches every unconditional decision in few steps", () => {
    expect(program.byteLength % 8).toBe(0);
    expect(program.byteLength / 8).toBeLessThan(MAX_INSTRUCTIONS);
    const steps = NUMBERS.map((number) => simulate(program, { auditArch, number, args: [] }).steps);
    const listed = Object.values(calls).filter((number) => {
      const decision = decide(DEFAULT_POLICY, arch, { auditArch, number, args: [] });
      return decision === "allow";
    });
    const allowed = listed.map((number) => simulate(program, { auditArch, number, args: [] }).steps);
    expect(Math.max(...allowed)).toBeLessThan(24);
    expect(Math.max(...steps)).toBeLessThan(60);
  });
});

describe("compiling other policies", () => {
  const anAction = fc.constantFrom<Action>("allow", "ignore", "kill", "EPERM", "ENOSYS", "EINVAL");
  const aTest = fc
    .record({
      arg: fc.nat(5),
      bits: fc.constantFrom<32 | 64>(32, 64),
      mask: fc.option(argument, { nil: undefined }),
      in: fc.array(argument, { maxLength: 4 }),
    })
    .map(({ arg, bits, mask, in: values }) => ({
      arg,
      bits,
      ...(mask === undefined ? {} : { mask: BigInt.asUintN(bits, mask) }),
      in: values.map((value) => BigInt.asUintN(bits, value)),
    }));
  const rules: fc.Arbitrary<ArgumentRules> = fc.record({
    rules: fc.array(fc.record({ when: fc.array(aTest, { maxLength: 3 }), action: anAction }), {
      maxLength: 4,
    }),
    otherwise: anAction,
  });

  test.each(ARCHES)("decides as any policy with argument rules says, on %s", (arch) => {
    const { auditArch, calls } = ARCH_FACTS[arch];
    const names = Object.keys(calls);
    const aPolicy = fc.record({
      decisions: fc.array(fc.tuple(fc.constantFrom(...names), fc.oneof(anAction, rules)), {
        maxLength: 150,
      }),
      rest: fc.tuple(anAction, anAction, anAction),
    });
    fc.assert(
      fc.property(aPolicy, fc.array(args, { minLength: 1, maxLength: 5 }), ({ decisions, rest }, tries) => {
        const [unlisted, unknown, foreign] = rest;
        const policy = { calls: new Map(decisions), unlisted, unknown, foreign };
        const program = compileFilter({ arch, policy });
        for (const number of [...decisions.map(([name]) => calls[name] ?? 0), 0, 335, 999]) {
          for (const values of [...tries, [0n]]) {
            const call = { auditArch, number, args: values };
            const { said, expected } = bothOpinions(program, policy, arch, call);
            expect(said).toBe(expected);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  test("compares both words of a 64-bit value", () => {
    const value = 0x1_0000_0002n;
    const only: ArgumentRules = {
      rules: [{ when: [{ arg: 1, bits: 64, in: [value] }], action: "allow" }],
      otherwise: "EPERM",
    };
    const policy = { ...DEFAULT_POLICY, calls: new Map([["read", only]]) };
    const program = compileFilter({ arch: "x86-64", policy });
    const read = (second: bigint) => simulate(program, { auditArch: 0xc000003e, number: 0, args: [0n, second] }).value;
    expect(read(value)).toBe(0x7fff0000);
    for (const other of [2n, 0x1_0000_0000n, 0x1_0000_0003n, 0x2_0000_0002n, 0n]) {
      expect(read(other)).toBe(0x00050001);
    }
  });

  test("refuses a test whose value or mask is wider than the argument", () => {
    for (const bad of [
      { arg: 0, bits: 32 as const, in: [1n << 32n] },
      { arg: 0, bits: 32 as const, mask: 1n << 40n, in: [0n] },
      { arg: 6, bits: 32 as const, in: [0n] },
      { arg: 0, bits: 64 as const, in: [-1n] },
    ]) {
      const decision: ArgumentRules = { rules: [{ when: [bad], action: "allow" }], otherwise: "EPERM" };
      const policy = { ...DEFAULT_POLICY, calls: new Map([["read", decision]]) };
      expect(() => compileFilter({ arch: "arm64", policy })).toThrow(RangeError);
    }
  });
});

test("knows which of Node's architectures a filter can be compiled for", () => {
  expect(seccompArch("x64")).toBe("x86-64");
  expect(seccompArch("arm64")).toBe("arm64");
  for (const other of ["ia32", "arm", "riscv64", "ppc64", "s390x", ""]) {
    expect(seccompArch(other)).toBeNull();
  }
});
