import { hash } from "node:crypto";
import { ApiError } from "@crucible/contract";
import type { ApiKeyInfo, KeyReader } from "../store/types.ts";

const MAX_KEYS = 1024;

/**
 * Remembers for `ttlMs` that a key is good, so that a request costs no database round trip. Only good keys are
 * remembered: a new key works at once, a revoked one stops within `ttlMs`. While the database is away nobody can ask
 * it, and the last answer holds: metrics must not go dark just then. Keys are held as SHA-256 digests; looking a
 * digest up by map leaks no timing that helps to guess a key.
 */
export function createKeyCache(
  keys: KeyReader,
  ttlMs: number,
  now: () => number = performance.now.bind(performance),
): KeyReader {
  const known = new Map<string, { readonly info: ApiKeyInfo; readonly until: number }>();
  return {
    async verify(key) {
      const digest = hash("sha256", key, "base64");
      const hit = known.get(digest);
      if (hit !== undefined && hit.until > now()) return hit.info;
      let info: ApiKeyInfo | null;
      try {
        info = await keys.verify(key);
      } catch (error) {
        if (hit !== undefined && error instanceof ApiError && error.code === "database_unavailable") return hit.info;
        throw error;
      }
      known.delete(digest);
      if (info === null) return null;
      known.set(digest, { info, until: now() + ttlMs });
      if (known.size > MAX_KEYS)
        for (const oldest of known.keys()) {
          known.delete(oldest);
          break;
        }
      return info;
    },
  };
}
