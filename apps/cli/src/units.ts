import type { LimitsRequest } from "@crucible/contract";
import { LimitName } from "@crucible/contract";
import type { z } from "zod";
import { nearest } from "./nearest.ts";
import { CliProblem } from "./problem.ts";

type Limit = z.infer<typeof LimitName>;

/** Milliseconds in one of each. */
const TIME = { ms: 1, s: 1000, m: 60_000, min: 60_000 } as const;
/** Bytes in one of each: powers of 1024 with `i`, of 1000 without (IEC 80000-13). */
const SIZE = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
} as const;

const unitsOf = (limit: Limit): Readonly<Record<string, number>> => {
  if (limit.endsWith("Ms")) return TIME;
  if (limit.endsWith("Bytes")) return SIZE;
  return {};
};

/**
 * A number with an optional unit, in the limit's own unit: `2s` is 2000 for a time, `1.5KiB` is 1536 for a size.
 * @throws CliProblem for anything that is not a number with a unit this limit knows.
 */
export function parseQuantity(limit: Limit, text: string, name: string = limit): number {
  const units = unitsOf(limit);
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  const [, digits = "", unit = ""] = match ?? [];
  const scale = unit === "" ? 1 : units[unit];
  if (match === null || scale === undefined) {
    const known = Object.keys(units);
    const allowed = known.length === 0 ? "a plain number" : `a number, or one with a unit: ${known.join(", ")}`;
    throw new CliProblem(`${name} cannot be ${JSON.stringify(text)}`, `give ${allowed}`);
  }
  const value = Number(digits) * scale;
  return limit === "cpus" ? value : Math.round(value);
}

/** A plain size option such as `4GiB`, bytes. @throws CliProblem */
export function parseByteCount(text: string): number {
  return parseQuantity("diskBytes", text, "the size");
}

/**
 * `wallTimeMs=2s` and the like, one per `--limit`, folded into one object; a name given twice keeps the last.
 * @throws CliProblem for an unknown name or value.
 */
export function parseLimits(texts: readonly string[]): z.input<typeof LimitsRequest> {
  const limits: Record<string, number> = {};
  for (const text of texts) {
    const at = text.indexOf("=");
    const name = LimitName.safeParse(text.slice(0, Math.max(at, 0)));
    if (!name.success) {
      const given = at === -1 ? text : text.slice(0, at);
      const near = nearest(given, LimitName.options);
      throw new CliProblem(
        at === -1
          ? `--limit wants NAME=VALUE, not ${JSON.stringify(text)}`
          : `there is no limit ${JSON.stringify(given)}`,
        near === null ? `the limits are ${LimitName.options.join(", ")}` : `did you mean ${near}=...?`,
      );
    }
    limits[name.data] = parseQuantity(name.data, text.slice(at + 1));
  }
  return limits;
}

/** A size for people: `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"] as const;
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? "B"}`;
}

/** A duration for people: `840 ms`, `12.3 s`, `4 m 05 s`, `2 h 10 m`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} m`;
}
