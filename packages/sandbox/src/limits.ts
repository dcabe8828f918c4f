import { SpecError } from "./errors.ts";
import type { LimitName, Limits } from "./types.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

/** What a run gets when it asks for nothing. */
export const DEFAULT_LIMITS = {
  wallTimeMs: 10_000,
  cpuTimeMs: 10_000,
  cpus: 1,
  memoryBytes: 512 * MiB,
  pids: 128,
  stdoutBytes: 1 * MiB,
  stderrBytes: 1 * MiB,
  fileSizeBytes: 64 * MiB,
  diskBytes: 128 * MiB,
  openFiles: 256,
} as const satisfies Limits;

/** What a compile step gets: compilers need more of everything than most programs. */
export const DEFAULT_COMPILE_LIMITS = {
  wallTimeMs: 60_000,
  cpuTimeMs: 60_000,
  cpus: 2,
  memoryBytes: 1 * GiB,
  pids: 256,
  stdoutBytes: 256 * KiB,
  stderrBytes: 256 * KiB,
  fileSizeBytes: 256 * MiB,
  diskBytes: 512 * MiB,
  openFiles: 1024,
} as const satisfies Limits;

/** What a request may ask for at most; an operator can lower or raise each. */
export const MAX_LIMITS = {
  wallTimeMs: 300_000,
  cpuTimeMs: 300_000,
  cpus: 8,
  memoryBytes: 4 * GiB,
  pids: 1024,
  stdoutBytes: 16 * MiB,
  stderrBytes: 16 * MiB,
  fileSizeBytes: 1 * GiB,
  diskBytes: 1 * GiB,
  openFiles: 4096,
} as const satisfies Limits;

/** What a request must ask for at least: below it no interpreter starts. */
export const MIN_LIMITS = {
  wallTimeMs: 1,
  cpuTimeMs: 1,
  cpus: 0.05,
  memoryBytes: 8 * MiB,
  pids: 1,
  stdoutBytes: 0,
  stderrBytes: 0,
  fileSizeBytes: 0,
  diskBytes: 64 * KiB,
  openFiles: 8,
} as const satisfies Limits;

export const LIMIT_NAMES = Object.keys(DEFAULT_LIMITS) as LimitName[];

/** The tightest and the loosest value of each limit that this host accepts. */
export interface LimitBounds {
  readonly min: Limits;
  readonly max: Limits;
}

/**
 * Fills in defaults and checks bounds; the default is lowered to the maximum where that is lower.
 * @throws SpecError `limit_too_high` above the maximum, `invalid_field` for anything else wrong.
 */
export function resolveLimits(
  wanted: Partial<Limits> | undefined,
  defaults: Limits,
  bounds: LimitBounds,
  field: string,
): Limits {
  const resolved: Record<LimitName, number> = { ...defaults };
  for (const name of LIMIT_NAMES) {
    const value = wanted?.[name];
    if (value === undefined) {
      resolved[name] = Math.min(defaults[name], bounds.max[name]);
      continue;
    }
    const whole = name === "cpus" || Number.isInteger(value);
    if (!Number.isFinite(value) || !whole || value < bounds.min[name]) {
      throw new SpecError(
        "invalid_field",
        `${field}.${name}`,
        `${field}.${name} must be a ${name === "cpus" ? "number" : "whole number"} of at least ${bounds.min[name]}`,
      );
    }
    if (value > bounds.max[name]) {
      throw new SpecError(
        "limit_too_high",
        `${field}.${name}`,
        `${field}.${name} is ${value}; the maximum here is ${bounds.max[name]}`,
      );
    }
    resolved[name] = value;
  }
  return resolved;
}
