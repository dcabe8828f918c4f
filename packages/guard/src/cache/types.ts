import type { TextVerdict } from "../pipeline/types.ts";

/**
 * Where verdicts are kept between screenings. Shared stores can implement it: keys are short ASCII, values are plain
 * JSON. An implementation over a network has its own deadline; one that rejects is a miss, never a verdict. Evidence
 * holds words of the screened text, so a store must be as safe as the prompts.
 */
export interface VerdictCache {
  /** Undefined for what is absent or expired. */
  get(key: string): Promise<TextVerdict | undefined>;
  set(key: string, verdict: TextVerdict): Promise<void>;
}

/** Counts since the cache was made. */
export interface CacheStats {
  readonly hits: number;
  readonly misses: number;
  /** Thrown out for want of room, not for age. */
  readonly evictions: number;
  readonly entries: number;
}

/** The cache in this process. */
export interface MemoryCache extends VerdictCache {
  stats(): CacheStats;
}
