import type { Clock, TextVerdict } from "../pipeline/types.ts";
import type { CachePolicy } from "../policy/types.ts";
import type { MemoryCache } from "./types.ts";

/**
 * Keeps the verdicts that were used last, each for at most `ttlMs` since it was made. About 0.5 KB an entry without
 * evidence, at most some 2 KB with the default five pieces.
 */
export function createMemoryCache({ maxEntries, ttlMs }: CachePolicy, clock: Clock): MemoryCache {
  // A Map lists its keys in the order in which they were set: the first is the one not used for longest.
  const entries = new Map<string, { readonly verdict: TextVerdict; readonly endsMs: number }>();
  let hits = 0;
  let misses = 0;
  let evictions = 0;
  return {
    get: (key) => {
      const entry = entries.get(key);
      if (entry !== undefined) entries.delete(key);
      if (entry === undefined || clock.now() >= entry.endsMs) {
        misses++;
        return Promise.resolve(undefined);
      }
      entries.set(key, entry);
      hits++;
      return Promise.resolve(entry.verdict);
    },
    set: (key, verdict) => {
      entries.delete(key);
      entries.set(key, { verdict, endsMs: clock.now() + ttlMs });
      while (entries.size > maxEntries) {
        entries.delete(entries.keys().next().value as string);
        evictions++;
      }
      return Promise.resolve();
    },
    stats: () => ({ hits, misses, evictions, entries: entries.size }),
  };
}
