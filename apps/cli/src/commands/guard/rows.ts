import { access, constants } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { loadRows, type Row } from "@crucible/guard";
import { type Io, write } from "../../io.ts";
import { CliProblem } from "../../problem.ts";

/** Bad lines that are shown one by one. */
const SHOWN = 5;

/** Ends a command before its work rather than behind it when the folder of a file that it will write is not there. */
export async function checkFolders(io: Io, paths: readonly (string | undefined)[]): Promise<void> {
  for (const path of paths) {
    if (path !== undefined) await access(dirname(resolve(io.cwd, path)), constants.W_OK);
  }
}

/** Reads labelled files. Lines that are no rows are named on stderr and counted. */
export async function readData(io: Io, paths: readonly string[]): Promise<{ rows: Row[]; bad: number }> {
  const all: Row[] = [];
  let count = 0;
  for (const path of paths) {
    const { rows, bad } = await loadRows(resolve(io.cwd, path));
    for (const row of rows) all.push(row);
    count += bad.length;
    const lines = bad.slice(0, SHOWN).map(({ line, reason }) => `${path}:${line}: ${reason}\n`);
    if (bad.length > SHOWN) lines.push(`${path}: ${bad.length - SHOWN} more bad lines\n`);
    await write(io.stderr, lines.join(""));
  }
  if (all.length === 0) {
    throw new CliProblem(`no rows in ${paths.join(", ")}`, "a row is text,label[,source] as CSV or JSON Lines");
  }
  return { rows: all, bad: count };
}
