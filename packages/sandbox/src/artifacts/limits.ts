import { SpecError } from "../errors.ts";
import type { ArtifactLimits } from "./types.ts";

const MiB = 1024 * 1024;

/** What a run gives back when it asks with `true`. */
export const DEFAULT_ARTIFACT_LIMITS = {
  files: 64,
  fileBytes: 8 * MiB,
  totalBytes: 8 * MiB,
} as const satisfies ArtifactLimits;

/** What a request may ask for at most: all of it is kept in memory, and travels in one outcome. */
export const MAX_ARTIFACT_LIMITS = {
  files: 256,
  fileBytes: 8 * MiB,
  totalBytes: 8 * MiB,
} as const satisfies ArtifactLimits;

const NAMES = Object.keys(DEFAULT_ARTIFACT_LIMITS) as (keyof ArtifactLimits)[];

/**
 * The limits of a request, with the defaults filled in; null where no artifacts are wanted.
 * @throws SpecError `limit_too_high` above the maximum, `invalid_field` for anything else wrong.
 */
export function checkArtifacts(wanted: boolean | Partial<ArtifactLimits> | undefined): ArtifactLimits | null {
  if (wanted === undefined || wanted === false) return null;
  if (wanted === true) return DEFAULT_ARTIFACT_LIMITS;
  const limits: Record<keyof ArtifactLimits, number> = { ...DEFAULT_ARTIFACT_LIMITS };
  for (const name of NAMES) {
    const value = wanted[name];
    if (value === undefined) continue;
    const field = `artifacts.${name}`;
    if (!Number.isSafeInteger(value) || value < 1)
      throw new SpecError("invalid_field", field, `${field} must be a whole number of at least 1`);
    if (value > MAX_ARTIFACT_LIMITS[name])
      throw new SpecError("limit_too_high", field, `${field} is ${value}; the maximum is ${MAX_ARTIFACT_LIMITS[name]}`);
    limits[name] = value;
  }
  return limits;
}
