import { describe, expect, it } from "vitest";
import { ApiError } from "@crucible/contract";
import { isHostAllowed } from "./headers.ts";
import { createKeyCache } from "./key-cache.ts";
import { createSessions, sessionIdOf } from "./sessions.ts";
import { memoryKeys } from "./testing/fakes.ts";

describe("sessions", () => {
  it("are bounded: the oldest goes when there are too many", () => {
    const sessions = createSessions(1000);
    const ids = Array.from({ length: 1001 }, (_, index) => sessions.start(`key ${index}`).id);
    expect(sessions.keyOf(ids[0]!)).toBeNull();
    expect(sessions.keyOf(ids[1]!)).toBe("key 1");
    expect(sessions.keyOf(ids[1000]!)).toBe("key 1000");
  });

  it("end when their time is up", () => {
    let now = 0;
    const sessions = createSessions(1000, () => now);
    const { id } = sessions.start("key");
    now = 999;
    expect(sessions.keyOf(id)).toBe("key");
    now = 1000;
    expect(sessions.keyOf(id)).toBeNull();
  });

  it("have ids that nobody guesses and that do not hold the key", () => {
    const sessions = createSessions(1000);
    const [a, b] = [sessions.start("key").id, sessions.start("key").id];
    expect(a).not.toBe(b);
    expect(Buffer.from(a, "base64url")).toHaveLength(32);
    expect(sessions.keyOf("")).toBeNull();
  });

  it.each([
    [undefined, null],
    ["", null],
    ["crucible_session=abc", "abc"],
    ["a=b; crucible_session=abc; c=d", "abc"],
    ["x_crucible_session=abc", null],
    ["crucible_session", null],
  ])("are found in the Cookie header %j", (header, id) => {
    expect(sessionIdOf(header)).toBe(id);
  });
});

describe("the key cache", () => {
  it("remembers a good key for its time and a bad one never", async () => {
    let now = 0;
    const keys = memoryKeys("good");
    const cache = createKeyCache(keys, 100, () => now);
    await cache.verify("good");
    now = 99;
    await cache.verify("good");
    expect(keys.calls).toBe(1);
    now = 100;
    await cache.verify("good");
    expect(keys.calls).toBe(2);
    await cache.verify("bad");
    await cache.verify("bad");
    expect(keys.calls).toBe(4);
  });

  it("lets the last answer about a key hold while the database is away, and no longer", async () => {
    let now = 0;
    let away: Error | undefined;
    const keys = memoryKeys("good");
    const verify = async (key: string) => {
      if (away !== undefined) throw away;
      return keys.verify(key);
    };
    const cache = createKeyCache({ verify }, 100, () => now);
    await cache.verify("good");
    now = 1000;
    away = new ApiError("database_unavailable", "away");
    expect(await cache.verify("good")).not.toBeNull();
    await expect(cache.verify("other")).rejects.toBe(away);
    away = new Error("a fault");
    await expect(cache.verify("good")).rejects.toBe(away);
    away = undefined;
    keys.revoke("good");
    expect(await cache.verify("good")).toBeNull();
    away = new ApiError("database_unavailable", "away");
    await expect(cache.verify("good")).rejects.toBe(away);
  });

  it("is bounded: the oldest key is asked for again when there are too many", async () => {
    const names = Array.from({ length: 1025 }, (_, index) => `key ${index}`);
    const keys = memoryKeys(...names);
    const cache = createKeyCache(keys, 1000, () => 0);
    for (const name of names) await cache.verify(name);
    await cache.verify(names[1]!);
    expect(keys.calls).toBe(1025);
    await cache.verify(names[0]!);
    expect(keys.calls).toBe(1026);
  });
});

describe("a Host header", () => {
  it.each([undefined, "", " ", "localhost:", "localhost:x", "[::1", "::1", "a b"])(
    "that is none does not pass: %j",
    (header) => {
      expect(isHostAllowed(header, [])).toBe(false);
    },
  );
});
