/**
 * Assembles classic BPF backwards: the last instruction comes first, so that whatever an
 * instruction jumps to is already there and its distance is known. Only opcodes that the kernel's
 * seccomp_is_const_allow() follows are offered for the way to a call's decision: for calls that
 * are allowed whatever their arguments, it then never runs the filter at all (since Linux 5.11).
 *
 * Format: linux/filter.h `struct sock_filter { u16 code; u8 jt; u8 jf; u32 k; }`, jumps forward only.
 */

/** Opcodes as linux/bpf_common.h puts them together; named as in linux/filter.h. */
export const BPF = {
  /** A = 32-bit word of seccomp_data at byte k. */
  LD_W_ABS: 0x20,
  AND_K: 0x54,
  JA: 0x05,
  JEQ_K: 0x15,
  JGE_K: 0x35,
  RET_K: 0x06,
} as const;

/** linux/bpf_common.h BPF_MAXINSNS: the kernel refuses longer programs. */
export const MAX_INSTRUCTIONS = 4096;

/** `jt` and `jf` are bytes. */
const MAX_JUMP = 255;

interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** A place in the program, counted from its end. */
export type Label = number;

/** Every function puts an instruction (and long jumps, if need be) before all that is there. */
export interface Assembler {
  /** Ends the program with `value`. */
  ret(value: number): Label;
  /** A = word at byte `offset` of seccomp_data, then `next`. */
  load(offset: number, next: Label): Label;
  /** A = A & mask, then `next`. */
  and(mask: number, next: Label): Label;
  /** To `yes` when A == value, else to `no`. */
  ifEqual(value: number, yes: Label, no: Label): Label;
  /** To `yes` when A >= value (unsigned), else to `no`. */
  ifAtLeast(value: number, yes: Label, no: Label): Label;
  /**
   * The program that starts at `start`, 8 bytes an instruction, little-endian.
   * @throws RangeError when it is longer than the kernel takes.
   */
  finish(start: Label): Uint8Array<ArrayBuffer>;
}

/** Starts an empty program. */
export function createAssembler(): Assembler {
  const backwards: Instruction[] = [];

  function put(code: number, k: number, jt = 0, jf = 0): Label {
    backwards.push({ code, jt, jf, k: k >>> 0 });
    return backwards.length;
  }

  /** Instructions to skip from one that is put `later` instructions from now. */
  const distance = (target: Label, later = 0) => backwards.length + later - target;

  /** A label for `target` that stays in reach when up to `later` more instructions come first. */
  function near(target: Label, later: number): Label {
    if (distance(target, later) <= MAX_JUMP) return target;
    const far = backwards[target - 1];
    // A copied return costs as much as a jump to it and is quicker.
    if (far?.code === BPF.RET_K) return put(BPF.RET_K, far.k);
    return put(BPF.JA, distance(target));
  }

  function branch(code: number, value: number, yes: Label, no: Label): Label {
    const yesNear = near(yes, 1);
    const noNear = near(no, 0);
    return put(code, value, distance(yesNear), distance(noNear));
  }

  /** Makes `target` the instruction that comes next. */
  function follow(target: Label): void {
    if (distance(target) > 0) put(BPF.JA, distance(target));
  }

  return {
    ret: (value) => put(BPF.RET_K, value),
    load(offset, next) {
      follow(next);
      return put(BPF.LD_W_ABS, offset);
    },
    and(mask, next) {
      follow(next);
      return put(BPF.AND_K, mask);
    },
    ifEqual: (value, yes, no) => branch(BPF.JEQ_K, value, yes, no),
    ifAtLeast: (value, yes, no) => branch(BPF.JGE_K, value, yes, no),
    finish(start) {
      follow(start);
      const count = backwards.length;
      if (count > MAX_INSTRUCTIONS) {
        throw new RangeError(`the filter has ${count} instructions; the kernel takes ${MAX_INSTRUCTIONS}`);
      }
      const bytes = new Uint8Array(count * 8);
      const view = new DataView(bytes.buffer);
      backwards.toReversed().forEach((instruction, index) => {
        const at = index * 8;
        view.setUint16(at, instruction.code, true);
        view.setUint8(at + 2, instruction.jt);
        view.setUint8(at + 3, instruction.jf);
        view.setUint32(at + 4, instruction.k, true);
      });
      return bytes;
    },
  };
}
