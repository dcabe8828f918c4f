import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { write } from "../../io.ts";
import type { Io } from "../../io.ts";
import { CliProblem } from "../../problem.ts";
import { verifyReport } from "../../selfcheck/verify.ts";

/** Recomputes the hash of a report. Exit code: 0 it is the one in the file, 1 the file was changed. */
export async function verifyCommand(io: Io, file: string, options: { readonly json?: boolean }): Promise<number> {
  const text = await readFile(resolve(io.cwd, file), "utf8");
  let found: ReturnType<typeof verifyReport>;
  try {
    found = verifyReport(text);
  } catch (error) {
    throw new CliProblem(`${file}: ${(error as Error).message}`, "name a file that crucible selfcheck wrote", {
      cause: error,
    });
  }
  const ok = found.claimed === found.actual;
  if (options.json === true) await write(io.stdout, `${JSON.stringify({ ok, ...found })}\n`);
  else if (ok) await write(io.stdout, `unchanged: SHA-256 ${found.actual}\n`);
  else await write(io.stdout, `CHANGED: it says SHA-256 ${found.claimed}, and its content has ${found.actual}\n`);
  return ok ? 0 : 1;
}
