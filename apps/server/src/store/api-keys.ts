import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Database } from "./database.ts";
import { answeringDatabase } from "./errors.ts";
import { createIdSource } from "./ids.ts";
import type { ApiKeyInfo, KeyReader } from "./types.ts";

/** Keys of people and programs; the database has SHA-256 digests alone. */
export interface ApiKeys extends KeyReader {
  /** Makes sure that `key` is known under `name`; a name has one key, so an older one stops working. */
  ensure(name: string, key: string): Promise<ApiKeyInfo>;
  /** Whether there is any key at all. */
  any(): Promise<boolean>;
}

/** 256 random bits: a fast digest is enough, there is nothing to guess. */
export function generateApiKey(): string {
  return `crucible_${randomBytes(32).toString("base64url")}`;
}

export function createApiKeys({ kysely }: Pick<Database, "kysely">): ApiKeys {
  const nextId = createIdSource("key");

  return {
    verify: async (key) => {
      const hash = digest(key);
      const row = await answeringDatabase(() =>
        kysely.selectFrom("api_keys").select(["id", "name", "hash"]).where("hash", "=", hash).executeTakeFirst(),
      );
      // The index compares digests, which tell an observer nothing of the key; the last word is constant time.
      if (row === undefined || !timingSafeEqual(Buffer.from(row.hash), Buffer.from(hash))) return null;
      return { id: row.id, name: row.name };
    },

    any: async () => (await kysely.selectFrom("api_keys").select("id").limit(1).executeTakeFirst()) !== undefined,

    ensure: async (name, key) => {
      const { id, createdAt } = nextId();
      return kysely.transaction().execute(async (tx) => {
        const hash = digest(key);
        const existing = await tx
          .selectFrom("api_keys")
          .select(["id", "name"])
          .where("hash", "=", hash)
          .executeTakeFirst();
        if (existing !== undefined) return existing;
        await tx.deleteFrom("api_keys").where("name", "=", name).execute();
        await tx.insertInto("api_keys").values({ id, name, hash, created_at: createdAt }).execute();
        return { id, name };
      });
    },
  };
}

function digest(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
