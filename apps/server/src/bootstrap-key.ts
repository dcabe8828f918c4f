import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generateApiKey, type ApiKeys } from "./store/api-keys.ts";

/**
 * Makes sure that there is a key to begin with: the operator's own, or one that is generated once and kept
 * in `<dataDir>/api-key`, readable by its owner alone. The database gets the digest.
 *
 * @returns the key, or undefined where the database already has one that this directory does not know.
 */
export async function ensureBootstrapKey(
  keys: ApiKeys,
  dataDir: string,
  fromOperator: string | undefined,
): Promise<string | undefined> {
  if (fromOperator !== undefined) {
    await keys.ensure("operator", fromOperator);
    return fromOperator;
  }
  const file = join(dataDir, "api-key");
  if (!existsSync(file)) {
    if (await keys.any()) return undefined;
    writeFileSync(file, `${generateApiKey()}\n`, { mode: 0o600, flag: "wx" });
  }
  const key = readFileSync(file, "utf8").trim();
  await keys.ensure("bootstrap", key);
  return key;
}
