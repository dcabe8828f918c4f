import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join } from "node:path";

/**
 * The key of the hashes of screened texts: the operator's own, which several servers with one database share, or one
 * that is made once and kept in `<dataDir>/screening-key`, readable by its owner alone. The database never has it:
 * whoever reads the database alone cannot find out a short prompt by trying.
 */
export function ensureScreeningKey(dataDir: string, fromOperator: string | undefined): string {
  if (fromOperator !== undefined) return fromOperator;
  const file = join(dataDir, "screening-key");
  if (!existsSync(file)) {
    try {
      writeFileSync(file, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
    } catch (error) {
      // Another server of this directory was faster.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  return readFileSync(file, "utf8").trim();
}
