import { describe, expect, test } from "vitest";

import { createAssembler, MAX_INSTRUCTIONS, type Label } from "./bpf.ts";
import { simulate } from "./testing/simulate.ts";

const call = (number: number) => ({ auditArch: 0, number, args: [] });

describe("the BPF assembler", () => {
  test("writes struct sock_filter: u16 code, u8 jt, u8 jf, u32 k, little-endian", () => {
    const asm = createAssembler();
    const no = asm.ret(0x80000000);
    const yes = asm.ret(0x7fff0000);
    const program = asm.finish(asm.load(4, asm.ifEqual(0xc000003e, yes, no)));
    expect(Buffer.from(program).toString("hex")).toBe(
      ["2000000004000000", "150000013e0000c0", "060000000000ff7f", "0600000000000080"].join(""),
    );
  });

  test("reaches targets that are further away than a jump's 255 instructions", () => {
    const asm = createAssembler();
    const masked = asm.ifEqual(3, asm.ret(33), asm.ret(44));
    const far = asm.and(0xff, masked);
    let chain: Label = asm.ret(1);
    for (let number = 1000; number >= 300; number -= 1) {
      // Both ways of the first comparisons are far: one ends at a return, one at other work.
      chain = asm.ifEqual(number, number % 2 === 0 ? far : masked, chain);
    }
    const program = asm.finish(asm.load(0, chain));
    expect(simulate(program, call(2)).value).toBe(1);
    expect(simulate(program, call(0x300 + 3)).value).toBe(44); // 771 is odd: not masked
    expect(simulate(program, call(0x304)).value).toBe(44); // 772 & 0xff is 4
    expect(simulate(program, call(0x302)).value).toBe(44);
    expect(simulate(program, call(515)).value).toBe(44);
  });

  test("takes the long way for yes and for no at once", () => {
    for (let filler = 240; filler < 270; filler += 1) {
      const asm = createAssembler();
      const no = asm.and(0xffff, asm.ifEqual(7, asm.ret(70), asm.ret(71)));
      const yes = asm.and(0xff, asm.ifEqual(5, asm.ret(50), asm.ret(51)));
      for (let count = 0; count < filler; count += 1) asm.ret(9);
      const program = asm.finish(asm.load(0, asm.ifAtLeast(0x100, yes, no)));
      const results = [7, 8, 0x105, 0x106].map((number) => simulate(program, call(number)).value);
      expect({ filler, results }).toEqual({ filler, results: [70, 71, 50, 51] });
    }
  });

  test("refuses a program that the kernel would refuse for its length", () => {
    const asm = createAssembler();
    const start = asm.ret(0);
    for (let count = 1; count < MAX_INSTRUCTIONS; count += 1) asm.ret(0);
    expect(() => asm.finish(start)).toThrow(RangeError);
    const fits = createAssembler();
    expect(fits.finish(fits.ret(0))).toHaveLength(8);
  });
});
