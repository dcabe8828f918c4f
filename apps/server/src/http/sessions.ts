import { createHash, randomBytes } from "node:crypto";

/** Name of the login cookie. */
export const SESSION_COOKIE = "crucible_session";
const MAX_SESSIONS = 1000;

/** Login sessions of browsers: bounded, in memory, gone at a restart. */
export interface Sessions {
  /** Starts a session; `id` is the cookie's value and says nothing about the key. */
  start(key: string): { readonly id: string; readonly expiresAt: Date };
  /** The key behind a session, or null when there is none or it expired. */
  keyOf(id: string): string | null;
}

const digestOf = (id: string): string => createHash("sha256").update(id).digest("base64");

/**
 * Keeps the key of each session in memory, because a session must end when its key is revoked: each request
 * verifies the key anew. Ids are 256 random bits, looked up by digest.
 */
export function createSessions(lifeMs: number, now: () => number = Date.now): Sessions {
  const sessions = new Map<string, { readonly key: string; readonly until: number }>();
  return {
    start(key) {
      for (const [digest, { until }] of sessions) {
        if (until > now() && sessions.size < MAX_SESSIONS) break;
        sessions.delete(digest);
      }
      const id = randomBytes(32).toString("base64url");
      const until = now() + lifeMs;
      sessions.set(digestOf(id), { key, until });
      return { id, expiresAt: new Date(until) };
    },
    keyOf(id) {
      const session = sessions.get(digestOf(id));
      return session !== undefined && session.until > now() ? session.key : null;
    },
  };
}

/** The session id in a Cookie header, or null. */
export function sessionIdOf(cookieHeader: string | undefined): string | null {
  for (const pair of cookieHeader?.split(";") ?? []) {
    const at = pair.indexOf("=");
    if (pair.slice(0, at).trim() === SESSION_COOKIE) return pair.slice(at + 1).trim();
  }
  return null;
}

/** Set-Cookie for a session. Strict: another site's page cannot make the browser send it. */
export function sessionCookie(id: string, lifeMs: number, secure: boolean): string {
  return `${SESSION_COOKIE}=${id}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${Math.floor(lifeMs / 1000)}${secure ? "; Secure" : ""}`;
}
