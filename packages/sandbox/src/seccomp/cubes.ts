import type { ArgumentTest } from "./types.ts";

/** All bits of one argument that are fixed, and their values: `(argument & mask) === value`. */
export interface FixedBits {
  readonly mask: bigint;
  readonly value: bigint;
}

/** A set of argument lists: those that agree with every fixed bit, by argument number. Empty means all. */
export type Cube = ReadonlyMap<number, FixedBits>;

/** The one set that holds everything. */
export const EVERYTHING: Cube = new Map();

/** The argument lists for which all tests are true. */
export function cubesOf(tests: readonly ArgumentTest[]): Cube[] {
  let cubes: Cube[] = [EVERYTHING];
  for (const { arg, bits, mask, in: values } of tests) {
    const all = bits === 32 ? 0xffff_ffffn : 0xffff_ffff_ffff_ffffn;
    const fixed = values.map((value) => new Map([[arg, { mask: mask ?? all, value }]]));
    cubes = cubes.flatMap((cube) => fixed.flatMap((one) => intersect(cube, one) ?? []));
  }
  return cubes;
}

/** Null when the two have nothing in common. */
function intersect(a: Cube, b: Cube): Cube | null {
  const both = new Map(a);
  for (const [arg, { mask, value }] of b) {
    const other = both.get(arg) ?? { mask: 0n, value: 0n };
    if ((other.mask & mask & (other.value ^ value)) !== 0n) return null;
    both.set(arg, { mask: other.mask | mask, value: other.value | value });
  }
  return both;
}

/** What is in `a` and not in `b`, as sets that have nothing in common. */
function subtract(a: Cube, b: Cube): Cube[] {
  if (intersect(a, b) === null) return [a];
  const left: Cube[] = [];
  let rest = a;
  for (const [arg, { mask, value }] of b) {
    for (let bit = 1n; bit <= mask; bit <<= 1n) {
      const fixed = rest.get(arg) ?? { mask: 0n, value: 0n };
      if ((mask & bit) === 0n || (fixed.mask & bit) !== 0n) continue;
      const withBit = (flag: bigint): Cube =>
        new Map([...rest, [arg, { mask: fixed.mask | bit, value: fixed.value | flag }]]);
      left.push(withBit(~value & bit));
      rest = withBit(value & bit);
    }
  }
  return left;
}

/** What is in `from` and in none of `cubes`; null when it would take more than `most` sets to say. */
export function without(from: readonly Cube[], cubes: readonly Cube[], most: number): Cube[] | null {
  let left: Cube[] = [...from];
  for (const cube of cubes) {
    left = left.flatMap((one) => subtract(one, cube));
    if (left.length > most) return null;
  }
  return left;
}
