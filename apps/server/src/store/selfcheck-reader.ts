import { open, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SelfcheckReport } from "@crucible/contract";

/** Where `crucible selfcheck` leaves its latest report in a data directory. */
const SELFCHECK_FILE = "selfcheck.json";

/** All checks on seven engines take under 1 MB. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Reads the latest report from a data directory; null while there is none.
 * The reader throws for a file that is too large or no report: a fault of whoever wrote it.
 */
export function createSelfcheckReader(dataDir: string): () => Promise<SelfcheckReport | null> {
  const path = join(dataDir, SELFCHECK_FILE);
  return async () => {
    let file;
    try {
      file = await open(path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
    try {
      const { size } = await file.stat();
      if (size > MAX_BYTES) throw new Error(`${path} has ${size} bytes, which is no report`);
      return SelfcheckReport.parse(JSON.parse(await file.readFile("utf8")));
    } finally {
      await file.close();
    }
  };
}

/** Makes a report the latest one of a data directory: a reader sees the old one or the new one. */
export function createSelfcheckWriter(dataDir: string): (report: SelfcheckReport) => Promise<void> {
  const path = join(dataDir, SELFCHECK_FILE);
  return async (report) => {
    // Not the name that the command uses: both may write at once.
    await writeFile(`${path}.server`, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600 });
    await rename(`${path}.server`, path);
  };
}
