/**
 * Runs a compiled filter as the kernel would, to test it call by call. It knows only the opcodes
 * that the assembler makes, with their numbers from linux/bpf_common.h, and refuses what the
 * kernel's checker (bpf_check_classic, seccomp_check_filter) refuses.
 */
import type { SystemCall } from "../types.ts";

/** What a run of the filter gave and what it cost. */
export interface Simulated {
  /** SECCOMP_RET_… with its data, unsigned. */
  readonly value: number;
  /** Instructions that were executed. */
  readonly steps: number;
}

/** `struct seccomp_data`: int nr, u32 arch, u64 instruction pointer, u64 args[6]. */
function seccompData(call: SystemCall): DataView {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call.number, true);
  data.setUint32(4, call.auditArch, true);
  for (let index = 0; index < 6; index += 1) {
    data.setBigUint64(16 + index * 8, BigInt.asUintN(64, call.args[index] ?? 0n), true);
  }
  return data;
}

/**
 * Executes `program` for one call.
 * @throws Error when the program leaves its bounds or holds an opcode that is not known here.
 */
export function simulate(program: Uint8Array, call: SystemCall): Simulated {
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const data = seccompData(call);
  let accumulator = 0;
  let at = 0;
  for (let steps = 1; ; steps += 1) {
    if ((at + 1) * 8 > program.byteLength) throw new Error(`instruction ${at} is outside the program`);
    const opcode = code.getUint16(at * 8, true);
    const jt = code.getUint8(at * 8 + 2);
    const jf = code.getUint8(at * 8 + 3);
    const k = code.getUint32(at * 8 + 4, true);
    at += 1;
    switch (opcode) {
      case 0x20:
        if (k % 4 !== 0 || k >= 64) throw new Error(`load of byte ${k}`);
        accumulator = data.getUint32(k, true);
        break;
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x05:
        at += k;
        break;
      case 0x15:
        at += accumulator === k ? jt : jf;
        break;
      case 0x35:
        at += accumulator >= k ? jt : jf;
        break;
      case 0x06:
        return { value: k, steps };
      default:
        throw new Error(`opcode 0x${opcode.toString(16)} at ${at - 1}`);
    }
  }
}
